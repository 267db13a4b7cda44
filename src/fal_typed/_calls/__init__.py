"""What every call goes through: building, endpoint ids and validation."""

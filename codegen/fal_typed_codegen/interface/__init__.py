"""What one document describes, in the terms of the generator."""

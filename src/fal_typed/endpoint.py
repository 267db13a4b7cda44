from fal_typed.model import Request
class Endpoint: pass

"""The package of one application, described by `[tool.fal-typed]`."""

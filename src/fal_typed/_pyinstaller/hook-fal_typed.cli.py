"""The commands, which are imported by name, and the catalog that they search."""

from fal_typed._pyinstaller import data_files, modules_in

datas = data_files(
    "fal_typed/schemas.zip", "fal_typed/endpoints/manifest.json", "fal_typed_codegen/**/*"
)
hiddenimports = modules_in("cli")

"""The emulator: its page and its catalog."""

from fal_typed._pyinstaller import data_files

datas = data_files("fal_typed/schemas.zip", "fal_typed/testing/**/*")

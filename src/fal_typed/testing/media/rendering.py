"""Generates the file that a media specification describes."""

from __future__ import annotations

from functools import lru_cache

from fal_typed.testing.media.spec import IMAGES, MESHES, SOUNDS, VIDEOS, MediaSpec


@lru_cache(maxsize=64)
def render(spec: MediaSpec) -> bytes:
    """Generate a file.

    Args:
        spec: The file's specification.

    Returns:
        The file's bytes, the same for the same specification.
    """
    # Pillow and PyAV are slow to import, and most runs need only one of them or neither.
    if spec.extension in IMAGES:
        from fal_typed.testing.media.images import render_image

        return render_image(spec)
    if spec.extension in SOUNDS:
        from fal_typed.testing.media.sounds import render_sound

        return render_sound(spec)
    if spec.extension in VIDEOS:
        from fal_typed.testing.media.videos import render_video

        return render_video(spec)
    if spec.extension in MESHES:
        from fal_typed.testing.media.meshes import render_mesh

        return render_mesh(spec)
    from fal_typed.testing.media.data_files import render_data_file

    return render_data_file(spec)

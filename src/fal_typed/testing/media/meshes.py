"""Meshes: one colored tetrahedron, in the formats that 3D endpoints return."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

from fal_typed.testing.media.randomness import seeded

if TYPE_CHECKING:
    from fal_typed.testing.media.spec import MediaSpec

_CORNERS = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)]
_FACES = [(0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3)]


def render_mesh(spec: MediaSpec) -> bytes:
    """Generate a mesh file.

    Args:
        spec: Extension and seed of the mesh.

    Returns:
        A GLB, OBJ, STL or PLY file.
    """
    return {"glb": _glb, "obj": _obj, "stl": _stl, "ply": _ply}[spec.extension](spec)


def _glb(spec: MediaSpec) -> bytes:
    points = b"".join(struct.pack("<3f", *corner) for corner in _CORNERS)
    indices = b"".join(struct.pack("<3H", *face) for face in _FACES)
    source = seeded(spec.seed)
    color = [round(source.random(), 3) for _ in range(3)] + [1.0]
    description = {
        "asset": {"version": "2.0", "generator": "fal-typed emulator"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": spec.text[:60]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorFactor": color}}],
        "accessors": [
            {
                "bufferView": 0,
                "componentType": 5126,
                "count": len(_CORNERS),
                "type": "VEC3",
                "min": [0, 0, 0],
                "max": [1, 1, 1],
            },
            {
                "bufferView": 1,
                "componentType": 5123,
                "count": 3 * len(_FACES),
                "type": "SCALAR",
            },
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": 0, "byteLength": len(points), "target": 34962},
            {
                "buffer": 0,
                "byteOffset": len(points),
                "byteLength": len(indices),
                "target": 34963,
            },
        ],
        "buffers": [{"byteLength": len(points) + len(indices)}],
    }
    text = _padded(json.dumps(description).encode(), b" ")
    data = _padded(points + indices, b"\0")
    length = 12 + 8 + len(text) + 8 + len(data)
    return b"".join(
        [
            struct.pack("<4sII", b"glTF", 2, length),
            struct.pack("<I4s", len(text), b"JSON"),
            text,
            struct.pack("<I4s", len(data), b"BIN\0"),
            data,
        ]
    )


def _padded(chunk: bytes, filler: bytes) -> bytes:
    return chunk + filler * (-len(chunk) % 4)


def _obj(_spec: MediaSpec) -> bytes:
    lines = [f"v {x} {y} {z}" for x, y, z in _CORNERS]
    lines += [f"f {a + 1} {b + 1} {c + 1}" for a, b, c in _FACES]
    return ("\n".join(lines) + "\n").encode()


def _stl(_spec: MediaSpec) -> bytes:
    triangles = [
        struct.pack("<12fH", 0, 0, 0, *_CORNERS[a], *_CORNERS[b], *_CORNERS[c], 0)
        for a, b, c in _FACES
    ]
    return b"\0" * 80 + struct.pack("<I", len(triangles)) + b"".join(triangles)


def _ply(_spec: MediaSpec) -> bytes:
    head = [
        "ply",
        "format ascii 1.0",
        f"element vertex {len(_CORNERS)}",
        "property float x",
        "property float y",
        "property float z",
        f"element face {len(_FACES)}",
        "property list uchar int vertex_indices",
        "end_header",
    ]
    points = [f"{x} {y} {z}" for x, y, z in _CORNERS]
    faces = [f"3 {a} {b} {c}" for a, b, c in _FACES]
    return ("\n".join(head + points + faces) + "\n").encode()

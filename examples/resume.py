"""Submit a job and stop; get its result in another run of this program.

python resume.py                submits a job and prints its request id
python resume.py REQUEST_ID     waits for that job and saves its image
"""

from __future__ import annotations

import sys

from fal_typed.endpoints.fal_ai.flux.dev import flux_dev


def main() -> None:
    """Submit a job, or get the result of one."""
    if len(sys.argv) == 1:
        print(flux_dev.submit(prompt="a cat").request_id)
    else:
        result = flux_dev.handle(sys.argv[1]).get(timeout=300)
        print(result.data.images[0].save("cat.jpg"))


if __name__ == "__main__":
    main()

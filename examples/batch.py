"""Make a picture for each line of a file; run it again after an interruption.

python batch.py prompts.jsonl out
"""

import sys

from fal_typed.batch import Batch, RowFile
from fal_typed.endpoints.fal_ai.flux.dev import flux_dev

prompts, folder = sys.argv[1:]

with Batch(flux_dev, journal="pictures.db", concurrency=32, budget=5.00, save=folder) as batch:
    for item in batch.run(RowFile(prompts)):
        print(item.key, item.state, *item.files)
    print(batch.report)

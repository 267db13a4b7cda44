"""Batches: thousands of calls of one endpoint that survive interruptions.

Extra `batch`; `postgres` for a journal that machines share, `parquet` for tables of pyarrow, `ray`
for clusters (`fal_typed.batch.ray`).
"""

from __future__ import annotations

from fal_typed.batch.async_batch import AsyncBatch as AsyncBatch
from fal_typed.batch.batch_errors import BatchInputError as BatchInputError
from fal_typed.batch.batch_errors import BatchJournalError as BatchJournalError
from fal_typed.batch.batch_errors import BatchKeyError as BatchKeyError
from fal_typed.batch.batch_errors import BatchUncertainError as BatchUncertainError
from fal_typed.batch.batch_errors import RowProblem as RowProblem
from fal_typed.batch.batch_items import BatchItem as BatchItem
from fal_typed.batch.batch_options import BatchOptions as BatchOptions
from fal_typed.batch.batch_report import BatchPlan as BatchPlan
from fal_typed.batch.batch_report import BatchReport as BatchReport
from fal_typed.batch.batch_rows import AsyncBatchInputs as AsyncBatchInputs
from fal_typed.batch.batch_rows import BatchInputs as BatchInputs
from fal_typed.batch.rows import RowFile as RowFile
from fal_typed.batch.sync_batch import Batch as Batch

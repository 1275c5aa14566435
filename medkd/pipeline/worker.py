"""What a worker process imports before it is asked to do anything."""

import medkd.pipeline.lightning_cli
import medkd.pipeline.stages.bank
import medkd.pipeline.stages.bundle
import medkd.pipeline.stages.evidence
import medkd.pipeline.stages.fit
import medkd.pipeline.stages.split  # noqa: F401

"""What a worker process imports before it is asked to do anything."""

import medkd.recipe.bank_stage
import medkd.recipe.bundle_stage
import medkd.recipe.evidence_stage
import medkd.recipe.fit_stage
import medkd.recipe.lightning_cli
import medkd.recipe.split_stage  # noqa: F401

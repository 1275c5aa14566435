from .determinism import deterministic_kernels as deterministic_kernels
from .devices import Devices as Devices
from .job import ChunkSummary as ChunkSummary
from .job import Job as Job
from .local import compute_chunks as compute_chunks
from .local import score_chunks as score_chunks
from .ray import RayEngine as RayEngine

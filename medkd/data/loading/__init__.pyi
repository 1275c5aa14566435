from .datamodule import SampleData as SampleData
from .merging import merge_prepared as merge_prepared
from .merging import merge_series as merge_series
from .sampler import EpochBatches as EpochBatches
from .shard import Shard as Shard
from .statistics import Statistics as Statistics
from .store import Prepared as Prepared
from .store import prepare as prepare

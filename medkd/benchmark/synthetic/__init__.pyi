from .results import described as described
from .results import synthetic_results as synthetic_results
from .run import ConditionScores as ConditionScores
from .run import run_conditions as run_conditions
from .world import SyntheticWorld as SyntheticWorld

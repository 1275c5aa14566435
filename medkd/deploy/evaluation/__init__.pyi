from .evaluate import evaluate_cohort as evaluate_cohort
from .settings import EvaluateSettings as EvaluateSettings

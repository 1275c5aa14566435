from .bank import BankStage as BankStage
from .bank import ControlBankStage as ControlBankStage
from .bundle import BundleStage as BundleStage
from .evidence import EvidenceStage as EvidenceStage
from .fit import FitStage as FitStage
from .fit import LearnerStage as LearnerStage
from .split import SplitStage as SplitStage
from .stage import Stage as Stage

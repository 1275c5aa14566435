from .api import LoadedBundle as LoadedBundle
from .api import distill as distill
from .api import evaluate as evaluate
from .api import fit as fit
from .api import load_bundle as load_bundle
from .api import predict as predict
from .data.core.cohort import Cohort as Cohort
from .data.core.modality import Modality as Modality
from .data.core.model_input import ModelInput as ModelInput
from .data.core.target import Target as Target
from .data.core.view import View as View
from .distill.bank import TeacherBank as TeacherBank
from .distill.learner import FittedModel as FittedModel
from .evidence.assess import assess as assess
from .evidence.report import Report as Report
from .networks.network import Network as Network
from .objectives.objective import Objective as Objective
from .pipeline.recipe import Recipe as Recipe

__version__: str

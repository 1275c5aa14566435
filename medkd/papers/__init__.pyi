from .verify import Case as Case
from .verify import Outcome as Outcome
from .verify import implementations as implementations
from .verify import read_golden as read_golden

from .export import difference as difference
from .export import difference_on_made as difference_on_made
from .network import OnnxNetwork as OnnxNetwork

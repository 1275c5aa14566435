from .draw import draw_split as draw_split
from .draw import fitting_protocol as fitting_protocol
from .split import Split as Split
from .split import keeps_label as keeps_label

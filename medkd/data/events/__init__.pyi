from .event_cohort import EventCohort as EventCohort
from .events import Events as Events
from .events import read_events as read_events
from .events import series_of as series_of
from .events import write_events as write_events
from .grid import Grid as Grid

"""A factor that measurements move."""

from glideslope.feedback.events import Event
from glideslope.feedback.feedback import Controlled, Feedback
from glideslope.feedback.greedy import greedy
from glideslope.feedback.guard import VERDICTS, Guard, guard
from glideslope.feedback.places import Places
from glideslope.feedback.plateau import plateau
from glideslope.feedback.ring import Ring

__all__ = ["VERDICTS", "Controlled", "Event", "Feedback", "Guard", "Places", "Ring", "greedy", "guard", "plateau"]

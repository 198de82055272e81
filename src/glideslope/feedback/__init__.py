"""A factor that measurements move."""

from glideslope.feedback.feedback import Controlled, Feedback
from glideslope.feedback.greedy import greedy
from glideslope.feedback.guard import VERDICTS, Event, Guard, Ring, guard
from glideslope.feedback.plateau import plateau

__all__ = ["VERDICTS", "Controlled", "Event", "Feedback", "Guard", "Ring", "greedy", "guard", "plateau"]

"""A factor that measurements move."""

from glideslope.feedback.feedback import Controlled, Feedback
from glideslope.feedback.greedy import greedy
from glideslope.feedback.plateau import plateau

__all__ = ["Controlled", "Feedback", "greedy", "plateau"]

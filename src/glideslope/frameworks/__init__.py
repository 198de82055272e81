"""Where a rate is applied: one package for each framework, loaded when it is touched."""

from glideslope.frameworks import adapters as adapters

"""Where a wrong variant is entered, and the two tools it is written with."""

WRONG = {}


def wrong(mistake, *rules):
    """Register `layer(trace, right, *name)` as what `mistake` puts in the place of each of `rules`."""

    def register(layer):
        for rule in rules:
            WRONG.setdefault(mistake, {})[rule] = layer
        return layer

    return register


class Seen:
    """A trace as it looks to a wrong rule: some tensors or parameters, or some config, replaced."""

    def __init__(self, trace, tensors=None, params=None, **config):
        self.trace, self.tensors, self.params = trace, tensors or {}, params or {}
        self.config = {**trace.config, **config}

    def __getitem__(self, name):
        return self.tensors[name] if name in self.tensors else self.trace[name]

    def param(self, name):
        return self.params[name] if name in self.params else self.trace.param(name)

    def __getattr__(self, name):
        return getattr(self.trace, name)


def scaled(value, factor):
    """Nested lists times a number."""
    return [scaled(part, factor) for part in value] if isinstance(value, list) else value * factor


def layers(mistakes):
    """The layers of a set of mistakes, for Trace."""
    result = {}
    for mistake in mistakes:
        for rule, layer in WRONG[mistake].items():
            result[rule] = result.get(rule, ()) + (layer,)
    return result

"""What adapters have logged: events with their fields."""


def events(caplog):
    """The name and the fields of every event, in order."""
    return [(r.msg, dict(r.args) if isinstance(r.args, dict) else {}) for r in caplog.records]


def detail(caplog, event):
    """What the only event of this name says."""
    (fields,) = (fields for name, fields in events(caplog) if name == event)
    return str(fields["detail"])

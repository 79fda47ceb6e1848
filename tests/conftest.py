"""What all tests share."""

from hypothesis import settings

# A machine that is busy with a lab is no fault of the code: nothing here is timed by one example.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

"""Who is measured."""

from . import ahc, exabgp, ours, technote
from .model import ADDRESS, Contender, Deployment

ALL: dict[str, Contender] = {
    contender.name: contender
    for contender in (
        *technote.CONTENDERS,
        *ahc.CONTENDERS,
        *exabgp.CONTENDERS,
        *ours.CONTENDERS,
    )
}

__all__ = ["ADDRESS", "ALL", "Contender", "Deployment"]

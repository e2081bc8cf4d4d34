"""Which version of a row a snapshot sees, and which versions nobody will ever see again.

Rule 1: a version is visible when its xmin stamp is seen and its xmax stamp is absent or not seen.
Rule 2: at most one version of a row is visible in any snapshot, so a chain may be searched in any
        order.
Rule 3: xmin 0 marks a slot without a row.
Rule 4: a version is dead when no snapshot, held or still to be taken, lies between its xmin's and
        its xmax's commit. Versions in the middle of a chain die before older ones that somebody
        still looks at.
"""

import numpy as np
import numpy.typing as npt

from storage.commit_log import ABORTED, COMMAND_BITS, IN_PROGRESS, CommitLog, Snapshot

Stamps = npt.NDArray[np.uint64]


def visible(snapshot: Snapshot, xmin: int, xmax: int) -> bool:
    """Whether the snapshot sees the version with these stamps."""
    return bool(xmin) and snapshot.sees(xmin) and not (xmax and snapshot.sees(xmax))


def visible_mask(snapshot: Snapshot, xmin: Stamps, xmax: Stamps) -> npt.NDArray[np.bool_]:
    """`visible` of many versions."""
    mask = seen_mask(snapshot, xmin)
    ended = np.flatnonzero(xmax)
    if len(ended):
        mask[ended] &= ~seen_mask(snapshot, xmax[ended])
    return mask


def seen_mask(snapshot: Snapshot, stamps: Stamps) -> npt.NDArray[np.bool_]:
    """`snapshot.sees` of many stamps; 0 is never seen."""
    log = snapshot.log
    old = stamps < np.uint64(snapshot.xmin << COMMAND_BITS)
    mask: npt.NDArray[np.bool_] = old & (stamps != 0)
    if log.aborted:
        gone = np.fromiter(log.aborted, np.uint64, len(log.aborted))
        mask &= ~np.isin(stamps >> np.uint64(COMMAND_BITS), gone)
    recent = np.flatnonzero(~old)
    if len(recent):
        distinct, inverse = np.unique(stamps[recent], return_inverse=True)
        seen = np.fromiter((snapshot.sees(int(stamp)) for stamp in distinct), np.bool_)
        mask[recent] = seen[inverse]
    return mask


def outcome(log: CommitLog, stamp: int) -> int:
    """The commit sequence of a stamp's transaction, IN_PROGRESS or ABORTED."""
    return log.sequence(stamp >> COMMAND_BITS)


def dead(log: CommitLog, xmin: int, xmax: int, held: list[int]) -> bool:
    """Whether nobody sees this version now or later; `held` are the sequences of live snapshots."""
    if not xmax:
        return outcome(log, xmin) == ABORTED
    ended = outcome(log, xmax)
    if ended in (IN_PROGRESS, ABORTED):
        return outcome(log, xmin) == ABORTED
    began = outcome(log, xmin)
    if began == IN_PROGRESS or ended > log.published:
        return False
    return not any(began <= sequence < ended for sequence in held)

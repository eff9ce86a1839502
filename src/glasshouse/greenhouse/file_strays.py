"""Times of a file that stand apart from all others. Without I/O."""

import heapq
from array import array


def strays(numbers: "array[int]", moments: "array[float]") -> list[int]:
    """Rows whose time stands apart from all others by more than the others' whole span: at either end, at most three.

    numbers: of the rows; moments: their times.
    """
    count = len(moments)
    places = range(count)
    ends = [choose(4, places, key=moments.__getitem__) for choose in (heapq.nsmallest, heapq.nlargest)]
    rows = []
    for side, opposite in (ends, ends[::-1]):
        for cut in range(1, min(4, count // 4 + 1)):
            at_s = moments[side[cut]]
            gap, span = abs(at_s - moments[side[cut - 1]]), abs(moments[opposite[0]] - at_s)
            if gap > span > 0:
                rows += [numbers[place] for place in side[:cut]]
                break
    return sorted(set(rows))

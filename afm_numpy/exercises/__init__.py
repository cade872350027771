"""The exercises of the notebooks: `softmax = check("04.2", softmax)` says right, or what is wrong.

It returns what the notebook goes on with: the reader's answer when it is right, otherwise the solution. The rest stands
beside the notebooks, in `notebooks/exercises/`: what each of them asks (`notebook_04.py`), what they draw (`story.py`),
and how an answer is judged (`judging.py`). The wheel has those files in this folder.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

__all__ = ["check"]

__path__.append(str(Path(__file__).parents[2] / "notebooks" / "exercises"))  # of a checkout


def check(number: str, answer: Any, *inputs: Any, show: bool = False) -> Any:
    """Check an answer, print the verdict, and return the answer if it is right and as useful as the solution.

    Parameters
    ----------
    answer : callable or value
        The function or the value that the exercise asks for; `...` stands for an answer still to come. A function may
        return a dict of results by name (`return locals()`), which are judged one by one.
    *inputs
        What a dict of results was calculated from, when the dict itself is given.
    show : bool
        Also show the input of the case that fails, what the answer gives there, and what is right.

    Examples
    --------
    >>> attention = check("04.1", ...)
    Not written yet: the notebook goes on with the solution.
    """
    from .exercise import find
    from .forms import NOTHING, better
    from .judging import judge

    exercise = find(number)
    solution, judged = exercise.right, answer
    if callable(answer) and answer is solution:
        print("This is the solution: run the cell with your answer first.")
        return solution
    if inputs:
        exercise, solution = replace(exercise, inputs=[inputs]), solution(*inputs)
        judged = answer if answer is ... else lambda *_: answer
    try:
        ok, text = judge(exercise, judged, show)
        lacks = better(exercise, judged) if ok else ""
    except Exception as error:  # no answer, however odd, may stop a lesson
        ok, text, lacks = False, f"Not yet: it gives something else than is asked for ({error}).", ""
    if ok and not lacks:
        print(text)
        return answer
    between, why = ": the" if text == NOTHING else "\nThe", f", which {lacks}" if lacks else ""
    print(f"{text}{between} notebook goes on with the solution{why}.")
    return solution

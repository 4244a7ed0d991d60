"""An error that no command foresaw: one sentence for the person, the whole of it in a file."""

from __future__ import annotations

import traceback

from usher.cli import house
from usher.lib import clock

FILE = "errors.log"


def told(problem: Exception) -> int:
    """Say where to look, and write the traceback there; the exit code.

    Where nothing can be written, it is shown whole.
    """
    whole = "".join(traceback.format_exception(problem))
    path = house.data_dir() / FILE
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{clock.now().isoformat()}\n{whole}\n")
    except OSError:
        house.err.print(whole, markup=False)
        return 1
    house.err.print(
        f"[red]usher:[/red] something went wrong that was not foreseen ({type(problem).__name__});", end=" "
    )
    house.err.print(f"{path} has the whole of it", markup=False)
    return 1

"""One's tasks as a page, with plain forms."""

from sqlalchemy import func, select

from trivet import Blueprint, Response, abort, redirect, render_template, request, url_for
from trivet_auth import login_required

from .models import LONGEST_TITLE, Task, clean_title, db, find_task, is_own, people

pages = Blueprint("pages", __name__)


@pages.get("/")
@login_required
def index() -> str:
    """Show the tasks."""
    return show()


@pages.post("/tasks")
@login_required
def add() -> Response | tuple[str, int]:
    """Add a task."""
    typed = request.form["title"]
    try:
        task = Task(title=clean_title(typed), owner_id=people.current_user.id)
    except ValueError as error:
        return show(typed, str(error)), 422
    db.session.add(task)
    db.session.commit()
    return back()


@pages.post("/tasks/<int:ident>")
@login_required
def change(ident: int) -> Response:
    """Tick a task off, take the tick back, or delete the task: whichever button was pressed."""
    task = find_task(ident)
    match request.form["action"]:
        case "tick":
            task.done = True
        case "untick":
            task.done = False
        case "delete":
            db.session.delete(task)
        case _:
            abort(400)
    db.session.commit()
    return back()


def show(typed: str = "", error: str | None = None) -> str:
    """Return the page: what is to do first, and what is new first.

    :param typed: what stands in the field for a new task.
    :param error: what is wrong with it.
    """
    page = db.paginate(select(Task).where(is_own()).order_by(Task.done, Task.id.desc()), per_page=20)
    left = db.session.scalar(select(func.count()).select_from(Task).where(is_own(), ~Task.done))
    return render_template("tasks.html", page=page, left=left, longest=LONGEST_TITLE, typed=typed, error=error)


def back() -> Response:
    """Send the browser back to the page, so that reloading it sends no form again."""
    answer: Response = redirect(url_for(".index"), 303)
    return answer

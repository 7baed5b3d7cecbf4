"""One's tasks as JSON: ``/api/tasks``, by a session or an access token."""

from typing import Any

import msgspec
from sqlalchemy import select

from trivet import Blueprint, HTTPException, Response, jsonify, request, url_for
from trivet_auth import requires

from .models import Task, clean_title, db, find_task, is_own, people

api = Blueprint("api", __name__, url_prefix="/api/tasks")

Unset = msgspec.UnsetType
ONE = "/<int:ident>"


class NewTask(msgspec.Struct, forbid_unknown_fields=True):
    """What a request has to say about a new task."""

    title: str
    done: bool = False

    def __post_init__(self) -> None:
        self.title = clean_title(self.title)


class Change(msgspec.Struct, forbid_unknown_fields=True):
    """What a request may say about a task that is there."""

    title: str | Unset = msgspec.UNSET
    done: bool | Unset = msgspec.UNSET

    def __post_init__(self) -> None:
        if self.title is not msgspec.UNSET:
            self.title = clean_title(self.title)


def as_data(task: Task) -> dict[str, Any]:
    """Return a task as it is sent."""
    return {"id": task.id, "title": task.title, "done": task.done, "created": f"{task.created.isoformat()}Z"}


@api.get("")
@requires("tasks:read")
def list_tasks() -> dict[str, Any]:
    """Answer one page of the tasks: ``?page=2&per_page=50``."""
    page = db.paginate(select(Task).where(is_own()).order_by(Task.id))
    return {
        "tasks": [as_data(task) for task in page],
        "page": page.page,
        "pages": page.pages,
        "total": page.total,
    }


@api.post("")
@requires("tasks:write")
def add_task() -> tuple[dict[str, Any], int, dict[str, str]]:
    """Store a task, and say where it is."""
    new = msgspec.convert(request.get_json(), NewTask)
    task = Task(title=new.title, done=new.done, owner_id=people.current_user.id)
    db.session.add(task)
    db.session.commit()
    return as_data(task), 201, {"Location": url_for(".show_task", ident=task.id)}


@api.get(ONE)
@requires("tasks:read")
def show_task(ident: int) -> dict[str, Any]:
    """Answer one task."""
    return as_data(find_task(ident))


@api.patch(ONE)
@requires("tasks:write")
def change_task(ident: int) -> dict[str, Any]:
    """Change what the request names, and nothing else."""
    change = msgspec.convert(request.get_json(), Change)
    task = find_task(ident)
    if change.title is not msgspec.UNSET:
        task.title = change.title
    if change.done is not msgspec.UNSET:
        task.done = change.done
    db.session.commit()
    return as_data(task)


@api.delete(ONE)
@requires("tasks:write")
def delete_task(ident: int) -> tuple[str, int]:
    """Delete a task."""
    db.session.delete(find_task(ident))
    db.session.commit()
    return "", 204


@api.errorhandler(msgspec.ValidationError)
def invalid(error: msgspec.ValidationError) -> tuple[Response, int]:
    """Say in JSON what is wrong with what was sent."""
    return jsonify(error=str(error)), 422


@api.errorhandler(HTTPException)
def refused(error: HTTPException) -> Response:
    """Say in JSON what would be said in HTML; the headers stay, such as ``Allow`` of a 405."""
    answer = jsonify(error=error.description)
    answer.headers.extend(one for one in error.get_headers() if one[0] != "Content-Type")
    answer.status_code = error.code or 500
    return answer

"""A GraphQL API that nobody here wrote: Strawberry on uvicorn. Prints its port; `POST /evolve` changes its schema."""

import enum
import socket
from typing import Optional

import strawberry
import uvicorn
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from strawberry.asgi import GraphQL


@strawberry.enum
class Order(enum.Enum):
    ASC = "asc"
    DESC = "desc"


@strawberry.input
class Filter:
    titles: Optional[list[str]] = None
    order: Order = Order.ASC


@strawberry.input
class NewBook:
    title: str
    price: Optional[float] = None


@strawberry.type
class Book:
    id: strawberry.ID
    title: str
    tags: list[str]
    price: Optional[float]


BOOKS = [Book(id="b1", title="A", tags=["x", "y"], price=12.5), Book(id="b2", title="B", tags=[], price=7)]


@strawberry.type
class Later:
    @strawberry.field
    def books(self, filter: Optional[Filter] = None) -> list[Book]:
        return [book for book in BOOKS if not filter or not filter.titles or book.title in filter.titles]

    @strawberry.field
    def fails(self) -> Optional[int]:
        raise ValueError("no such luck")


@strawberry.type
class Query(Later):
    @strawberry.field
    def whoami(self, info: strawberry.Info) -> Optional[str]:
        return info.context["request"].headers.get("x-key")


@strawberry.type
class Mutation:
    @strawberry.mutation
    def add_book(self, input: NewBook) -> Book:
        book = Book(id=f"b{len(BOOKS) + 1}", title=input.title, tags=[], price=input.price)
        BOOKS.append(book)
        return book


api = GraphQL(strawberry.Schema(query=Query, mutation=Mutation))


async def current(scope, receive, send):
    await api(scope, receive, send)


async def evolve(_request):
    """`whoami` goes."""
    global api
    api = GraphQL(strawberry.Schema(query=Later, mutation=Mutation))
    return Response()


app = Starlette(routes=[Route("/evolve", evolve, methods=["POST"])])
app.mount("/", current)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])

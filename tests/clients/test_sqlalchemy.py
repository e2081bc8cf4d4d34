"""SQLAlchemy: models are created, filled, loaded, reflected."""

import datetime
import decimal

import pytest
import sqlalchemy
from sqlalchemy import orm


class Base(orm.DeclarativeBase):
    """The models of this test."""


class Author(Base):
    """Has books."""

    __tablename__ = "orm_author"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(sqlalchemy.String(40), unique=True)
    books: orm.Mapped[list["Book"]] = orm.relationship(
        back_populates="author", cascade="all, delete-orphan"
    )


class Book(Base):
    """Has an author."""

    __tablename__ = "orm_book"
    id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    title: orm.Mapped[str] = orm.mapped_column(index=True)
    price: orm.Mapped[decimal.Decimal] = orm.mapped_column(sqlalchemy.Numeric(8, 2))
    added: orm.Mapped[datetime.datetime] = orm.mapped_column(server_default=sqlalchemy.func.now())
    author_id: orm.Mapped[int] = orm.mapped_column(sqlalchemy.ForeignKey("orm_author.id"))
    author: orm.Mapped[Author] = orm.relationship(back_populates="books")


@pytest.fixture
def engine(server):
    url = f"postgresql+psycopg://postgres@127.0.0.1:{server.port}/postgres"
    made = sqlalchemy.create_engine(url)
    Base.metadata.create_all(made)
    yield made
    Base.metadata.drop_all(made)
    made.dispose()


def test_orm(engine):
    with orm.Session(engine) as session:
        ann = Author(name="Ann", books=[Book(title=f"b{n}", price=n) for n in range(3)])
        session.add_all([ann, Author(name="Bob")])
        session.commit()
        assert ann.books[0].added is not None
        query = (
            sqlalchemy.select(Author).options(orm.selectinload(Author.books)).order_by(Author.name)
        )
        assert [(a.name, len(a.books)) for a in session.scalars(query)] == [("Ann", 3), ("Bob", 0)]
        total = (
            sqlalchemy.select(Author.name, sqlalchemy.func.sum(Book.price))
            .join(Book)
            .group_by(Author.name)
        )
        assert session.execute(total).all() == [("Ann", decimal.Decimal("3.00"))]
        session.delete(ann)
        session.commit()
        assert session.scalar(sqlalchemy.select(sqlalchemy.func.count(Book.id))) == 0
        session.add(Author(name="Bob"))
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            session.commit()


def test_reflection(engine):
    found = sqlalchemy.inspect(engine)
    assert {"orm_author", "orm_book"} <= set(found.get_table_names())
    columns = {each["name"]: each for each in found.get_columns("orm_book")}
    assert str(columns["price"]["type"]) == "NUMERIC(8, 2)"
    assert not columns["title"]["nullable"]
    assert columns["added"]["default"] == "now()"
    assert found.get_pk_constraint("orm_book")["constrained_columns"] == ["id"]
    (reference,) = found.get_foreign_keys("orm_book")
    assert (reference["constrained_columns"], reference["referred_table"]) == (
        ["author_id"],
        "orm_author",
    )
    assert [each["column_names"] for each in found.get_indexes("orm_book")] == [["title"]]
    assert [each["column_names"] for each in found.get_unique_constraints("orm_author")] == [
        ["name"]
    ]
    reflected = sqlalchemy.Table("orm_book", sqlalchemy.MetaData(), autoload_with=engine)
    assert set(reflected.columns.keys()) == {"id", "title", "price", "added", "author_id"}

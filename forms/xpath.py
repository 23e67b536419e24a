"""Evaluate ODK XPath: expressions compiled once to closures and run over `forms.nodes`.

Deterministic: time, randomness, lists and language come in with the `Environment`. It has no side effects on the
answers and does bounded work, whatever the expression.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from forms.nodes import ListData, Node
from forms.xpath_context import Context, Environment, Run, find_list, pins_around
from forms.xpath_functions import FUNCTIONS
from forms.xpath_parser import Binary, Call, Expression, Literal, Negation, Number, Path, Step, XPathProblem, parse_xpath
from forms.xpath_steps import ARITHMETIC, AXES
from forms.xpath_values import Value, compare, to_boolean, to_number, to_string

__all__ = ["Compiled", "Context", "Environment", "XPathProblem", "compile_xpath"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled expression. `paths` are the location paths in it, as written, for finding what it depends on."""

    text: str
    paths: tuple[Path, ...]
    run: Run

    def evaluate(self, environment: Environment, node: Node) -> Value:
        """The value at `node`; raises XPathProblem when it cannot be computed."""
        return self.run(Context(environment, node, node, pins_around(node)))


@lru_cache(maxsize=8192)
def compile_xpath(text: str) -> Compiled:
    """Compile one expression (cached). Raises XPathProblem for bad syntax, unknown functions, wrong arguments."""
    paths: list[Path] = []
    run = _compile(parse_xpath(text), paths)
    return Compiled(text, tuple(paths), run)


def _compile(expression: Expression, paths: list[Path]) -> Run:
    if isinstance(expression, Number | Literal):
        constant = expression.value
        return lambda context: constant
    if isinstance(expression, Negation):
        operand = _compile(expression.operand, paths)
        return lambda context: -to_number(operand(context), context.environment.zone)
    if isinstance(expression, Binary):
        return _compile_binary(expression, paths)
    if isinstance(expression, Call):
        return _compile_call(expression, paths)
    return _compile_path(expression, paths)


def _compile_binary(expression: Binary, paths: list[Path]) -> Run:
    left, right = _compile(expression.left, paths), _compile(expression.right, paths)
    operator = expression.operator
    if operator == "and":
        return lambda context: to_boolean(left(context)) and to_boolean(right(context))
    if operator == "or":
        return lambda context: to_boolean(left(context)) or to_boolean(right(context))
    if operator == "|":
        return lambda context: _union(left(context), right(context))
    if operator in {"+", "-", "*", "div", "mod"}:
        return _compile_arithmetic(operator, left, right)
    return lambda context: compare(operator, left(context), right(context), context.environment.zone)


def _compile_arithmetic(operator: str, left: Run, right: Run) -> Run:
    apply = ARITHMETIC[operator]

    def run(context: Context) -> Value:
        zone = context.environment.zone
        return apply(to_number(left(context), zone), to_number(right(context), zone))

    return run


def _union(left: Value, right: Value) -> Value:
    if not isinstance(left, list) or not isinstance(right, list):
        raise XPathProblem("Only node sets can be joined with “|”.")
    return [*left, *(node for node in right if all(node is not each for each in left))]


def _compile_call(expression: Call, paths: list[Path]) -> Run:
    function = FUNCTIONS.get(expression.name)
    if function is None:
        raise XPathProblem(f"The function {expression.name}() is not known.")
    count = len(expression.arguments)
    if count < function.least or (function.most is not None and count > function.most):
        raise XPathProblem(f"The function {expression.name}() is called with {count} arguments.")
    arguments = [_compile(argument, paths) for argument in expression.arguments]
    call = function.call
    return lambda context: call(context, arguments)


def _compile_path(path: Path, paths: list[Path]) -> Run:
    paths.append(path)
    indexed = _compile_list_lookup(path, paths)
    if indexed is not None:
        return indexed
    if path.start == "/":
        return _compile_absolute(path, paths)
    steps = [_compile_step(step, paths) for step in path.steps]
    if path.start is None:
        return lambda context: _walk(context, [context.node], steps)
    if isinstance(path.start, str):
        raise XPathProblem(f"A path cannot start with “{path.start}”.")
    start = _compile(path.start, paths)
    predicates = [_compile(each, paths) for each in path.predicates]

    def run(context: Context) -> Value:
        nodes = start(context)
        if not isinstance(nodes, list):
            raise XPathProblem("A path goes on from something that is no node.")
        return _walk(context, _filtered(context, nodes, predicates), steps)

    return run


Move = Callable[[Context, list[Node]], list[Node]]


def _walk(context: Context, nodes: list[Node], steps: Sequence[Move]) -> list[Node]:
    for step in steps:
        nodes = step(context, nodes)
        context.environment.spend(len(nodes) + 1)
    return nodes


def _compile_absolute(path: Path, paths: list[Path]) -> Run:
    """Steps from the root. Where the current node lies in a repeat instance, so does the path (not its last step)."""
    moves = [_compile_step(step, paths) for step in path.steps[1:]]
    plain = [not step.predicates and step.axis == "child" for step in path.steps[1:]]
    # Only where all steps so far are plain is the path of the nodes reached known beforehand.
    known = [
        "".join(f"/{step.test}" for step in path.steps[1 : at + 2]) if all(plain[: at + 1]) else None for at in range(len(moves))
    ]
    last = len(moves) - 1
    first = path.steps[0] if path.steps else None

    def run(context: Context) -> Value:
        environment = context.environment
        nodes = _start(environment.root, first)
        for at, move in enumerate(moves):
            where = known[at]
            pinned = context.pins.get(where) if where is not None and at < last else None
            if pinned is not None and len(nodes) == 1 and pinned.parent is nodes[0]:
                nodes = [pinned] if pinned.relevant else []
            else:
                nodes = move(context, nodes)
            environment.spend(len(nodes) + 1)
        return nodes

    return run


def _start(root: Node, first: Step | None) -> list[Node]:
    if first is None:
        return [root]
    if first.axis == "descendant-or-self":
        holder = Node("", "", None, "")
        holder.children = [root]
        return [holder, root, *root.descendants()]
    return [root] if first.test in {root.name, "*", "node()"} else []


def _compile_step(step: Step, paths: list[Path]) -> Move:
    axis = AXES.get(step.axis)
    if axis is None:
        raise XPathProblem(f"The axis {step.axis}:: is not known.")
    predicates = [_compile(each, paths) for each in step.predicates]
    test = step.test

    def move(context: Context, nodes: list[Node]) -> list[Node]:
        found: list[Node] = []
        for node in nodes:
            reached = [each for each in axis(node, test) if each.relevant]
            found += _filtered(context, reached, predicates) if predicates else reached
        return found if len(nodes) < 2 or step.axis in _DISTINCT else _unique(found)

    return move


def _filtered(context: Context, nodes: list[Node], predicates: Sequence[Run]) -> list[Node]:
    for predicate in predicates:
        kept, size = [], len(nodes)
        context.environment.spend(size)
        for position, node in enumerate(nodes, 1):
            value = predicate(Context(context.environment, node, context.current, context.pins, position, size))
            if position == value if isinstance(value, float) else to_boolean(value):
                kept.append(node)
        nodes = kept
    return nodes


def _unique(nodes: list[Node]) -> list[Node]:
    return list({id(node): node for node in nodes}.values())


_DISTINCT: Final = frozenset({"child", "attribute", "self"})


def _compile_list_lookup(path: Path, paths: list[Path]) -> Run | None:
    """`instance('x')/root/item[column=value and ...]/...` by the list's index instead of a scan."""
    start, steps = path.start, path.steps
    if not isinstance(start, Call) or start.name != "instance" or path.predicates or len(steps) < 2:
        return None
    name = start.arguments[0] if len(start.arguments) == 1 else None
    item = steps[1]
    if not isinstance(name, Literal) or steps[0].axis != "child" or item.axis != "child" or not item.predicates:
        return None
    key = next((each for each in _conjuncts(item.predicates[0]) if _index_key(each) is not None), None)
    if key is None or steps[0].predicates or _counts_positions(item.predicates[0]):
        return None
    column, other = _index_key(key) or ("", key)
    value = _compile(other, paths)
    predicates = [_compile(each, paths) for each in item.predicates]
    rest = [_compile_step(step, paths) for step in steps[2:]]
    instance_id = name.value

    def run(context: Context) -> Value:
        data = find_list(context.environment, instance_id)
        if data is None:
            return []
        wanted = value(context)
        rows = _candidates(data, column, wanted)
        return _walk(context, _filtered(context, rows, predicates), rest)

    return run


def _candidates(data: ListData, column: str, wanted: Value) -> list[Node]:
    """Rows that can match; the predicates are still run on them. Numbers match rows written differently: all rows."""
    if not isinstance(wanted, str | list):
        return [data.node(position) for position in range(len(data.rows))]
    texts = {to_string([node]) for node in wanted} or {""} if isinstance(wanted, list) else {wanted}
    positions = sorted({position for text in texts for position in data.positions(column, text)})
    return [data.node(position) for position in positions]


def _conjuncts(expression: Expression) -> list[Expression]:
    if isinstance(expression, Binary) and expression.operator == "and":
        return [*_conjuncts(expression.left), *_conjuncts(expression.right)]
    return [expression]


def _counts_positions(expression: Expression) -> bool:
    """Whether position() or last() may occur: then leaving rows out beforehand would change their meaning."""
    if isinstance(expression, Binary):
        return _counts_positions(expression.left) or _counts_positions(expression.right)
    if isinstance(expression, Negation):
        return _counts_positions(expression.operand)
    if isinstance(expression, Call):
        return expression.name in {"position", "last"} or any(_counts_positions(each) for each in expression.arguments)
    return False


def _index_key(expression: Expression) -> tuple[str, Expression] | None:
    """(column, value) of `column = value` where the value does not depend on the row."""
    if not isinstance(expression, Binary) or expression.operator != "=":
        return None
    for column, other in ((expression.left, expression.right), (expression.right, expression.left)):
        if (
            isinstance(column, Path)
            and column.start is None
            and len(column.steps) == 1
            and column.steps[0].axis == "child"
            and not column.steps[0].predicates
            and column.steps[0].test not in {"*", "node()"}
            and _independent(other)
        ):
            return column.steps[0].test, other
    return None


def _independent(expression: Expression) -> bool:
    """Whether an expression means the same for every row of a list."""
    if isinstance(expression, Number | Literal):
        return True
    if isinstance(expression, Negation):
        return _independent(expression.operand)
    if isinstance(expression, Binary):
        return _independent(expression.left) and _independent(expression.right)
    if isinstance(expression, Call):
        steady = expression.name not in _ROW_FUNCTIONS
        return steady and all(_independent(argument) for argument in expression.arguments)
    if expression.start is None:
        return False
    return expression.start == "/" or (not isinstance(expression.start, str) and _independent(expression.start))


_ROW_FUNCTIONS: Final = frozenset({"position", "last", "random", "uuid", "once", "name", "local-name"})

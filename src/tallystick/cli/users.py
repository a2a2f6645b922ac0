"""`tallystick user`: list, show, add, change, unlock and remove."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.access import UserChange
from tallystick.access.personal_tokens import VALID_DAYS_MAX
from tallystick.api.answers import access as answers
from tallystick.cli.apps import ScopeName
from tallystick.cli.command import Command, RecordedCommand
from tallystick.cli.output import AsJson, print_done, print_json, print_table, say
from tallystick.cli.stores import opened_access
from tallystick.core.roles import Role

if TYPE_CHECKING:
    from tallystick.access import Access, User

commands = typer.Typer(
    help="Users: who may log in, whose SIMs they see, and what they may do.", no_args_is_help=True
)

ROLE_HELP = "What they may do in the console; each role may do what those before it may, too."
Name = Annotated[str, typer.Argument(help="The user's name.")]
TokenName = Annotated[str, typer.Argument(metavar="TOKEN", help="What its user calls it.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@commands.command("list", cls=Command)
def list_(as_json: AsJson = False) -> None:
    """List the users, what they see and may do, and who is locked."""
    with opened_access() as access:
        users = access.users()
    if as_json:
        print_json(answers.UserList([answers.user_answer(user) for user in users]))
    else:
        _print(users)


@commands.command(cls=Command)
def show(name: Name, as_json: AsJson = False) -> None:
    """Show a user, what they see and may do, and whether they are locked."""
    with opened_access() as access:
        user = access.user_named(name)
    if as_json:
        print_json(answers.user_answer(user))
    else:
        _print([user])


@commands.command(cls=RecordedCommand)
def add(
    name: Name,
    account: Annotated[list[str] | None, typer.Option(help="They see this account.")] = None,
    all_accounts: Annotated[
        bool, typer.Option("--all-accounts", help="They see every account.")
    ] = False,
    role: Annotated[Role, typer.Option(help=ROLE_HELP)] = Role.VIEWER,
    password_stdin: PasswordStdin = False,
    as_json: AsJson = False,
) -> None:
    """Make a user known."""
    with opened_access() as access:
        access.add_user(
            name,
            _password(from_stdin=password_stdin),
            account or [],
            all_accounts=all_accounts,
            role=role,
        )
        _print_done(f"user {name} added", access, name, as_json=as_json)
    if not (account or all_accounts):
        say("They see no account: --account or --all-accounts was not given.", err=True)


@commands.command(cls=RecordedCommand)
def change(
    name: Name,
    account: Annotated[list[str] | None, typer.Option(help="They see this account, too.")] = None,
    revoke_account: Annotated[
        list[str] | None, typer.Option(help="They no longer see this account, unless they see all.")
    ] = None,
    all_accounts: Annotated[
        bool | None,
        typer.Option(
            "--all-accounts/--no-all-accounts", help="They see every account, or only those named."
        ),
    ] = None,
    role: Annotated[Role | None, typer.Option(help=ROLE_HELP, show_default=False)] = None,
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin",
            help="Read a new password from standard input; it ends their sessions.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Change what a user sees, what they may do, or their password."""
    if not (account or revoke_account or role or password_stdin or all_accounts is not None):
        message = (
            "name what is to change: an account, --all-accounts or --no-all-accounts, --role, or "
            "--password-stdin"
        )
        raise typer.BadParameter(message)
    password = _password(from_stdin=True) if password_stdin else None
    with opened_access() as access:
        access.change_user(
            name, UserChange(account or [], revoke_account or [], all_accounts, password, role)
        )
        _print_done(f"user {name} changed", access, name, as_json=as_json)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        message = (
            "there is no terminal to ask for the password at: hand it in with --password-stdin"
        )
        raise typer.BadParameter(message)
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


@commands.command(cls=RecordedCommand)
def unlock(name: Name, as_json: AsJson = False) -> None:
    """Let a user log in again after too many failures."""
    with opened_access() as access:
        access.unlock_user(name)
        _print_done(f"user {name} unlocked", access, name, as_json=as_json)


@commands.command(cls=RecordedCommand)
def remove(name: Name, as_json: AsJson = False) -> None:
    """Remove a user; their sessions end at once."""
    with opened_access() as access:
        access.remove_user(name)
    print_done(f"user {name} removed", {"removed": name}, as_json=as_json)


@commands.command(cls=Command)
def sessions(name: Name, as_json: AsJson = False) -> None:
    """List a user's sessions that have not ended, the last used first."""
    with opened_access() as access:
        answer = answers.session_list(access.sessions_of_user(name))
    if as_json:
        print_json(answer)
        return
    rows = [(each.id, each.begun_at or "", each.used_at, each.of) for each in answer.sessions]
    print_table(("session", "begun", "last used", "of"), rows)


@commands.command(cls=RecordedCommand)
def end_sessions(
    name: Name,
    session: Annotated[
        str | None, typer.Option(metavar="ID", help="This session only, as `user sessions` has it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """End a user's sessions."""
    with opened_access() as access:
        access.end_sessions_of_user(name, session)
    print_done(f"sessions of {name} ended", {"ended": session or "all"}, as_json=as_json)


@commands.command(cls=Command)
def tokens(name: Name, as_json: AsJson = False) -> None:
    """List the tokens of a user's own, those that have ended too."""
    with opened_access() as access:
        answer = answers.personal_token_list(access.personal_tokens_of(name))
    if as_json:
        print_json(answer)
        return
    rows = [(each.name, ", ".join(each.scopes), each.expires_at) for each in answer.tokens]
    print_table(("token", "scopes", "until"), rows)


@commands.command(cls=RecordedCommand)
def add_token(
    name: Name,
    token_name: TokenName,
    scope: Annotated[
        list[ScopeName],
        typer.Option(
            help="What it opens; intake and admin are for operators who see every account."
        ),
    ],
    valid_days: Annotated[
        int, typer.Option(min=1, max=VALID_DAYS_MAX, help="So many days it holds.")
    ] = 90,
    as_json: AsJson = False,
) -> None:
    """Make a token of a user's own, and print it this once."""
    with opened_access() as access:
        scopes = [each.value for each in scope]
        made = access.add_personal_token(name, token_name, scopes, valid_days)
    print_done(made, answers.NewPersonalTokenAnswer(made), as_json=as_json)


@commands.command(cls=RecordedCommand)
def end_token(name: Name, token_name: TokenName, as_json: AsJson = False) -> None:
    """End a token of a user's own."""
    with opened_access() as access:
        access.end_personal_token(name, token_name)
    print_done(f"token {token_name} of {name} ended", {"ended": token_name}, as_json=as_json)


def _print(users: list[User]) -> None:
    print_table(
        ("user", "role", "accounts", "locked"),
        [
            (
                user.name,
                user.role,
                "all" if user.all_accounts else ", ".join(user.accounts),
                "locked" if user.locked else "",
            )
            for user in users
        ],
    )


def _print_done(sentence: str, access: Access, name: str, *, as_json: bool) -> None:
    answer = answers.user_answer(access.user_named(name)) if as_json else None
    print_done(sentence, answer, as_json=as_json)

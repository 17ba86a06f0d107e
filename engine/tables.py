"""Every table, once. Alembic's migrations are made from this, Flask-SQLAlchemy shares its metadata.

Times are UTC, stored as naive `DateTime` in UTC by `UtcDateTime` and given back aware.
Ids are UUIDv7 strings (time-ordered, 36 characters), see `engine.ids`.
Every row that belongs to an office carries `tenant_id`.
"""

import datetime as dt

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData(naming_convention={
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
})


class UtcDateTime(TypeDecorator):
    """An aware datetime, kept in UTC to the microsecond."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else value.astimezone(dt.timezone.utc).replace(tzinfo=None)

    def process_result_value(self, value, dialect):
        return None if value is None else value.replace(tzinfo=dt.timezone.utc)


Id = String(36)
Key = String(255)
BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only for INTEGER


def _tenant():
    return Column("tenant_id", Key, ForeignKey("tenant.id"), nullable=False)


# Offices and people ---------------------------------------------------------------------------------------------------

tenant = Table(
    "tenant", metadata,
    Column("id", Key, primary_key=True),  # e.g. 'kpu-kep-seribu'
    Column("name", Text, nullable=False),
    Column("timezone", Key, nullable=False, server_default="Asia/Jakarta"),
    Column("settings", JSON, nullable=False, server_default="{}"),  # calendar, letterhead, numbering, reminders: see `engine.settings`
    Column("secrets", LargeBinary),  # of the office, encrypted: its Telegram bot's token, see `engine.telegram`
)

user = Table(
    "user_account", metadata,  # "user" is reserved in SQL
    Column("id", Key, primary_key=True),  # the sign-in name
    _tenant(),
    Column("name", Text, nullable=False),
    Column("title", Text, nullable=False, server_default=""),  # jabatan
    Column("email", Text, nullable=False, server_default=""),
    Column("password_hash", Text, nullable=False),  # '': none is set; they sign in otherwise, or are to set one by a link
    Column("stamp", Key, nullable=False),  # changes with the password, ends cached checks
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("locale", Key, nullable=False, server_default="id"),
    Column("notices", JSON, nullable=False, server_default="{}"),  # how to tell them: see `engine.notices`
    Column("totp", LargeBinary),  # the second factor's secret, encrypted: see `engine.second_factor`
    Column("totp_at", UtcDateTime),  # since when; without a secret: it was reset, and is to be set up anew at the next sign-in
    Column("totp_step", BigInteger),  # the half minute whose code was used last: none counts twice
    Column("created_at", UtcDateTime, nullable=False),
)

group = Table(
    "user_group", metadata,
    Column("tenant_id", Key, ForeignKey("tenant.id"), primary_key=True),
    Column("id", Key, primary_key=True),  # 'pelaksana', 'sub-bagian', 'ketua-divisi', 'web-admin', 'process-owner', 'admin', 'analyst'
    Column("name", Text, nullable=False),
    Column("second_factor", Boolean, nullable=False, server_default=text("false")),  # its people must have one
)

membership = Table(
    "membership", metadata,
    Column("tenant_id", Key, primary_key=True),
    Column("group_id", Key, primary_key=True),
    Column("user_id", Key, ForeignKey("user_account.id"), primary_key=True, index=True),
    Column("is_head", Boolean, nullable=False, server_default=text("false")),  # of the lane: may hand its tasks to others
)

substitution = Table(  # Plh./Plt.: who does a group's tasks in whose stead, by which decree, from when to when
    "substitution", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("kind", Key, nullable=False),  # 'plh', 'plt'
    Column("group_id", Key, nullable=False),
    Column("absent_id", Key),  # NULL: the post is vacant
    Column("substitute_id", Key, ForeignKey("user_account.id"), nullable=False),
    Column("decree", Text, nullable=False),  # nomor surat perintah
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),  # it ends by itself; of a revoked one: when it was revoked
    Column("is_head", Boolean, nullable=False, server_default=text("false")),  # the absent one led the lane, so the substitute does
    Column("revoked_by", Key),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Key),
    Index("ix_substitution_of", "substitute_id", "ends_at"),
    Index("ix_substitution_list", "tenant_id", "ends_at", "id"),
)

api_token = Table(
    "api_token", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("user_id", Key, ForeignKey("user_account.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the token: it is 256 random bits
    Column("scopes", Key, nullable=False, server_default="read tasks deploy admin"),  # what it may, of what its account may
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("used_at", UtcDateTime),  # to the hour
)

web_session = Table(  # who is signed in to the pages, where: ended by taking the row away
    "web_session", metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of what the cookie holds
    _tenant(),
    Column("user_id", Key, ForeignKey("user_account.id"), nullable=False, index=True),
    Column("method", Key, nullable=False),  # 'password', 'totp' (and a password), 'oidc'
    Column("limited", Boolean, nullable=False, server_default=text("false")),  # may only set up a second factor yet
    Column("browser", Text, nullable=False, server_default=""),  # as it calls itself
    Column("address", Key, nullable=False, server_default=""),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),  # to a few minutes
)

recovery_code = Table(  # for who lost their second factor, each good once
    "recovery_code", metadata,
    Column("user_id", Key, ForeignKey("user_account.id"), primary_key=True),
    Column("digest", String(64), primary_key=True),  # under a key that lies in the instance folder
)

password_link = Table(  # by which somebody sets a password without knowing the old one; good once, and for a time
    "password_link", metadata,
    Column("digest", String(64), primary_key=True),  # SHA-256 of what the address holds
    _tenant(),
    Column("user_id", Key, ForeignKey("user_account.id"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Key),  # NULL: asked for at the sign-in page, or sent by Terbit
    Column("expires_at", UtcDateTime, nullable=False),
)

identity = Table(  # as whom an OpenID provider knows an account
    "identity", metadata,
    Column("issuer", Key, primary_key=True),
    Column("subject", Key, primary_key=True),
    _tenant(),
    Column("user_id", Key, ForeignKey("user_account.id"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
)

# What is deployed -----------------------------------------------------------------------------------------------------

deployment = Table(
    "deployment", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("name", Text, nullable=False),
    Column("source", Text),
    Column("deployed_at", UtcDateTime, nullable=False),
    Column("deployed_by", Key),
)

resource = Table(
    "resource", metadata,
    Column("id", Id, primary_key=True),
    Column("deployment_id", Id, ForeignKey("deployment.id"), nullable=False),
    Column("name", Key, nullable=False),  # 'penerbitan-informasi.bpmn', 'tugaskan.form'
    Column("sha256", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("deployment_id", "name"),
)

process_definition = Table(
    "process_definition", metadata,
    Column("id", Key, primary_key=True),  # 'key:version:deployment id', as Camunda's
    _tenant(),
    Column("key", Key, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("deployment_id", Id, ForeignKey("deployment.id"), nullable=False, index=True),
    Column("resource_name", Key, nullable=False),
    Column("content_hash", String(64), nullable=False),  # SHA-256 over all that the spec is made of: the cache's key
    Column("calls", JSON, nullable=False),  # called process key -> process definition id, bound at deployment
    Column("groups", JSON, nullable=False),  # every candidate group its tasks name: who may see its cases
    Column("starter_groups", JSON, nullable=False),  # camunda:candidateStarterGroups; empty: any of `groups`
    Column("suspended", Boolean, nullable=False, server_default=text("false")),
    Column("deployed_at", UtcDateTime, nullable=False),
    Column("in_force_from", UtcDateTime),  # NULL: from its deployment on. In force is the highest version whose time has come
    Column("approved_as", Text),  # who put it in force, as the printed SOP names them: 'Ani, Ketua Divisi'
    Column("revoked_at", UtcDateTime),  # dicabut: no new cases from then on
    Column("revoked_by", Key),
    Column("revoke_reason", Text),
    Column("revoke_running", Key),  # what becomes of its running cases: 'finish', or 'cancel' (the worker's to do)
    UniqueConstraint("tenant_id", "key", "version"),
)

definition_group = Table(  # `groups` and `starter_groups` again, as rows that a query can join: who sees its cases, who starts them
    "definition_group", metadata,
    Column("definition_id", Key, ForeignKey("process_definition.id"), primary_key=True),
    Column("group_id", Key, primary_key=True),
    Column("sees", Boolean, nullable=False),
    Column("starts", Boolean, nullable=False),
)

business_key_counter = Table(
    "business_key_counter", metadata,
    Column("tenant_id", Key, primary_key=True),
    Column("prefix", Key, primary_key=True),  # 'INF-2026-'
    Column("last", Integer, nullable=False),
)

# What runs, and what ran ----------------------------------------------------------------------------------------------

process_instance = Table(
    "process_instance", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("definition_id", Key, ForeignKey("process_definition.id"), nullable=False),
    Column("definition_key", Key, nullable=False),
    Column("business_key", Key, nullable=False),
    Column("title", Text, nullable=False, server_default=""),  # what a list shows: the process's `label` expression
    Column("search", Text, nullable=False, server_default=""),  # what else it is found by: its `cari` expression (a letter's number)
    Column("version", Integer, nullable=False),  # the optimistic guard: every command raises it by one
    Column("state", Text),  # the live tokens as JSON; NULL once ended
    Column("variables", Text, nullable=False),  # {scope id: {name: value}} as JSON; '' is the instance's own scope
    Column("suspended", Boolean, nullable=False, server_default=text("false")),
    Column("started_at", UtcDateTime, nullable=False),
    Column("started_by", Key),
    Column("about_id", Id),  # the case that this one corrects or withdraws
    Column("ended_at", UtcDateTime),
    Column("end_reason", Text),  # 'completed', 'cancelled'
    Column("working_seconds", Integer),  # of a completed one: the working time from start to end
    Column("counted", Boolean, nullable=False, server_default=text("false")),  # once ended: whether the evidence holds it
    Column("publish_at", UtcDateTime),  # of an approved one: when it is to appear, see `engine.planned`
    Column("publish_on", Text),  # and the ids of its channels, with spaces between
    UniqueConstraint("tenant_id", "business_key"),
    Index("ix_process_instance_planned", "tenant_id", "publish_at", "id",
          sqlite_where=text("publish_at IS NOT NULL AND ended_at IS NULL"),
          postgresql_where=text("publish_at IS NOT NULL AND ended_at IS NULL")),
    Index("ix_process_instance_list", "tenant_id", "started_at", "id"),
    Index("ix_process_instance_key", "tenant_id", "definition_key", "started_at", "id"),
    Index("ix_process_instance_about_id", "about_id",
          sqlite_where=text("about_id IS NOT NULL"), postgresql_where=text("about_id IS NOT NULL")),
    Index("ix_process_instance_running", "tenant_id", "started_at", "id",
          sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
    Index("ix_process_instance_of", "definition_id",  # what runs on a version
          sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
    Index("ix_process_instance_definition", "definition_id", "ended_at"),
    Index("ix_process_instance_ended", "tenant_id", "ended_at",
          sqlite_where=text("ended_at IS NOT NULL"), postgresql_where=text("ended_at IS NOT NULL")),
    Index("ix_process_instance_uncounted", "tenant_id", "id",  # what `evidence.rollup` takes next
          sqlite_where=text("ended_at IS NOT NULL AND NOT counted"), postgresql_where=text("ended_at IS NOT NULL AND NOT counted")),
)

activity = Table(  # Camunda's activity instance; a user task is one with its task columns filled
    "activity_instance", metadata,
    Column("id", Id, primary_key=True),  # of a user task also its task id
    _tenant(),
    Column("instance_id", Id, ForeignKey("process_instance.id"), nullable=False),
    Column("definition_id", Key, nullable=False),
    Column("activity_id", Key, nullable=False),  # the BPMN element's id; of a user task its taskDefinitionKey
    Column("name", Text, nullable=False, server_default=""),
    Column("type", Key, nullable=False),  # 'userTask', 'serviceTask', 'exclusiveGateway', 'startEvent', …
    Column("scope_id", Id),  # the activity instance (subprocess, multi-instance body, call activity) it is in; NULL: the instance
    Column("loop_counter", Integer),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("canceled", Boolean, nullable=False, server_default=text("false")),
    # of user and manual tasks only
    Column("is_task", Boolean, nullable=False, server_default=text("false")),
    Column("assignee", Key),
    Column("owner", Key),  # who delegated it, and gets it back resolved
    Column("delegation", Key),  # 'pending', 'resolved' or NULL: Camunda's delegation state
    Column("in_stead_of", JSON(none_as_null=True)),  # of a substitute's claim or completion: {kind, group, name, title, decree}
    Column("claimed_at", UtcDateTime),
    Column("completed_by", Key),
    Column("due_at", UtcDateTime),
    Column("due_order", UtcDateTime),  # due_at, or the end of time where there is none: what an inbox is sorted by
    Column("allowed_seconds", Integer),  # working time until it is due, extensions included; NULL: no due time, or a fixed moment
    Column("extensions", Integer, nullable=False, server_default="0"),  # how often it was given more time
    Column("to_tell", Boolean, nullable=False, server_default=text("false")),  # its people are not told of it yet, see `engine.notices`
    Column("remind_at", UtcDateTime),  # when its people are told next, see `engine.reminders`; NULL: not again
    Column("working_seconds", Integer),  # of a completed one: the working time it took, on the calendar of then
    Column("follow_up_at", UtcDateTime),
    Column("priority", Integer, nullable=False, server_default="50"),
    Column("form_key", Key),  # the resource that holds its form
    Column("description", Text),
    Index("ix_activity_instance_of", "instance_id", "started_at", "id"),
    Index("ix_activity_instance_assignee", "tenant_id", "assignee", "due_order", "id",
          sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
    Index("ix_activity_instance_open", "tenant_id", "due_order", "id",
          sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
    Index("ix_activity_instance_done", "tenant_id", "completed_by", "ended_at", "id",
          sqlite_where=text("completed_by IS NOT NULL"), postgresql_where=text("completed_by IS NOT NULL")),
    Index("ix_activity_instance_remind", "remind_at", "id",
          sqlite_where=text("ended_at IS NULL AND remind_at IS NOT NULL"),
          postgresql_where=text("ended_at IS NULL AND remind_at IS NOT NULL")),
    Index("ix_activity_instance_tell", "id", sqlite_where=text("to_tell"), postgresql_where=text("to_tell")),
    Index("ix_activity_instance_stead", "id", sqlite_where=text("ended_at IS NULL AND in_stead_of IS NOT NULL"),
          postgresql_where=text("ended_at IS NULL AND in_stead_of IS NOT NULL")),
    Index("ix_activity_instance_report", "definition_id", "activity_id", "started_at"),
    # What stands where (`engine.control`). The last column says nothing new, but without it SQLite looks into each row.
    Index("ix_activity_instance_standing", "definition_id", "activity_id", "due_order", "type", "ended_at",
          sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
)

candidate = Table(  # Camunda's identity links of type candidate; rows go when the task ends
    "candidate", metadata,
    Column("task_id", Id, ForeignKey("activity_instance.id"), primary_key=True),
    Column("kind", String(5), primary_key=True),  # 'group' or 'user'
    Column("name", Key, primary_key=True),
    Column("tenant_id", Key, nullable=False),
    Index("ix_candidate_name", "tenant_id", "kind", "name", "task_id"),
)

event = Table(  # the append-only history of who did what
    "event", metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    _tenant(),
    Column("instance_id", Id),  # NULL: about the office, not a case (deployment, channel, people)
    Column("activity_instance_id", Id),
    Column("type", Key, nullable=False),  # 'task.completed', 'instance.started', 'incident.opened', …
    Column("at", UtcDateTime, nullable=False),
    Column("actor", Key),  # NULL: Terbit itself
    Column("data", JSON, nullable=False),  # of 'task.completed': {"variables": {what changed}}
    Index("ix_event_of", "instance_id", "id"),
    Index("ix_event_archive", "tenant_id", "id",  # what `archive.verify` holds the chain against
          sqlite_where=text("type = 'archive.appended'"), postgresql_where=text("type = 'archive.appended'")),
    Index("ix_event_at", "tenant_id", "at", "id"),  # these three: what `engine.audit` searches by
    Index("ix_event_actor", "tenant_id", "actor", "at", "id"),
    Index("ix_event_type", "tenant_id", "type", "at", "id"),
)

audit_seal = Table(  # the history's chain: each seal covers so many events and the seal before, see `engine.audit_chain`
    "audit_seal", metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1, of the whole installation
    Column("at", UtcDateTime, nullable=False),
    Column("first_id", BigInteger, nullable=False),  # of its events
    Column("last_id", BigInteger, nullable=False),
    Column("events", LargeBinary, nullable=False),  # for each: its id in 8 bytes, big-endian, and its SHA-256
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

subscription = Table(  # who waits for a message or a signal
    "event_subscription", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("instance_id", Id),  # NULL: a start event of a definition
    Column("definition_id", Key, nullable=False),
    Column("activity_instance_id", Id),
    Column("activity_id", Key, nullable=False),
    Column("kind", Key, nullable=False),  # 'message', 'signal'
    Column("name", Key, nullable=False),
    Column("correlation", JSON, nullable=False),  # {variable: value} that a message must bring, may be empty
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_event_subscription_name", "tenant_id", "kind", "name"),
    Index("ix_event_subscription_of", "instance_id"),
)

job = Table(  # work that Terbit owes: a call to make, a timer to fire
    "job", metadata,
    Column("id", Id, primary_key=True),  # also the idempotency key of the call
    _tenant(),
    Column("instance_id", Id),
    Column("definition_id", Key),
    Column("activity_instance_id", Id),
    Column("activity_id", Key, nullable=False, server_default=""),
    Column("type", Key, nullable=False),  # 'external' (a service task), 'timer', 'message' (thrown, to be delivered), 'timer-start'
    Column("topic", Key, nullable=False, server_default=""),
    Column("payload", JSON, nullable=False),
    Column("state", String(9), nullable=False),  # 'open', 'done', 'cancelled', 'failed' (an incident is open)
    Column("due_at", UtcDateTime, nullable=False),
    Column("retries", Integer, nullable=False),  # attempts left
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("leased_by", Key),
    Column("leased_until", UtcDateTime),
    Column("error", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Index("ix_job_live", "tenant_id", "id", sqlite_where=text("state IN ('open', 'failed')"),
          postgresql_where=text("state IN ('open', 'failed')")),
    Index("ix_job_due", "due_at", "id", sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
    Index("ix_job_of", "instance_id"),
    Index("ix_job_open", "tenant_id", "due_at", "id", sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
    Index("ix_job_failed", "tenant_id", "due_at", "id", sqlite_where=text("state = 'failed'"), postgresql_where=text("state = 'failed'")),
)

incident = Table(
    "incident", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("instance_id", Id),
    Column("definition_id", Key),
    Column("activity_id", Key, nullable=False, server_default=""),
    Column("job_id", Id, ForeignKey("job.id")),
    Column("type", Key, nullable=False),  # 'failedJob', 'unknownOutcome', 'expression'
    Column("message", Text, nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    Column("resolved_by", Key),
    Column("annotation", Text),  # what an admin noted about it
    Index("ix_incident_open", "tenant_id", "opened_at", "id",
          sqlite_where=text("resolved_at IS NULL"), postgresql_where=text("resolved_at IS NULL")),
    Index("ix_incident_of", "instance_id"),
    Index("ix_incident_job", "job_id"),
)

job_attempt = Table(  # each time that a service task's job was taken up: written before anything is called, kept as long as the case
    "job_attempt", metadata,
    Column("id", Key, primary_key=True),  # the lease under which it was
    _tenant(),
    Column("job_id", Id, ForeignKey("job.id"), nullable=False),
    Column("instance_id", Id),
    Column("channel_id", Key),  # that it called, where it did
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),  # NULL: it runs, or its worker died
    Column("outcome", Key),  # 'done', 'temporary', 'permanent', 'unknown', 'expression', 'bpmn-error', 'by-hand', 'postponed', 'lost'
    Column("error", Text),
    Index("ix_job_attempt_of", "instance_id", "id"),
    Index("ix_job_attempt_job", "job_id", "started_at"),
)

job_exchange = Table(  # a request of an attempt, written before it is sent, and what was answered; without secrets: `connectors.masking`
    "job_exchange", metadata,
    Column("attempt_id", Key, ForeignKey("job_attempt.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("instance_id", Id, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("method", Key, nullable=False),
    Column("url", Text, nullable=False),
    Column("request", JSON, nullable=False),  # {headers, body: {type, size, text}}
    Column("status", Integer),  # NULL: no whole answer came, or none yet
    Column("answer", JSON),  # {headers, body}, or {error, kind}; NULL: none yet, or its worker died
    Column("milliseconds", Integer),
)

# Channels, publications, archive --------------------------------------------------------------------------------------

channel = Table(
    "channel", metadata,
    Column("tenant_id", Key, ForeignKey("tenant.id"), primary_key=True),
    Column("id", Key, primary_key=True),  # a value of `kanal`: 'website', 'facebook', …
    Column("name", Text, nullable=False),
    Column("connector", Key, nullable=False),  # an entry point's name: 'site', 'wordpress', 'manual'
    Column("config", JSON, nullable=False),
    Column("secrets", LargeBinary),  # a Fernet token of JSON; the key lies in the instance folder
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("paused_at", UtcDateTime),  # jobs for it wait from then on, and fail not
    Column("pause_reason", Text),
    Column("not_before", UtcDateTime),  # no worker calls it earlier: its platform asked so, or its pace does
    Column("tokens", LargeBinary),  # what it was signed in with (OAuth), a Fernet token: see `engine.tokens`
    Column("renewing_until", UtcDateTime),  # a worker renews them, and the others wait
    Column("signed_in_at", UtcDateTime),  # when an admin signed it in
    Column("signed_in_as", Text),  # as whom, as the platform calls them
    Column("sign_in_ends_at", UtcDateTime),  # when nothing can be renewed any more, where that is known
    Column("position", Integer, nullable=False, server_default="0"),
    Column("expires_on", Date),  # when its credentials end, as an admin typed it: the last day
)

channel_sign_in = Table(  # an admin is on the way to a platform and back, or chooses an account: see `engine.channel_sign_in`
    "channel_sign_in", metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of the state that the platform hands back
    Column("tenant_id", Key, nullable=False),
    Column("channel_id", Key, nullable=False),
    Column("user_id", Key, nullable=False),
    Column("session", String(64), nullable=False),  # `web_session.id`: nobody else may come back with it
    Column("until", UtcDateTime, nullable=False),
    Column("sealed", LargeBinary),  # a Fernet token of what its next step needs; NULL once that is taken: no step is taken twice
)

channel_health = Table(  # what the last look at a channel showed: see `engine.health`
    "channel_health", metadata,
    Column("tenant_id", Key, primary_key=True),
    Column("channel_id", Key, primary_key=True),
    Column("state", Key, nullable=False),  # 'unknown' (not looked at yet), 'ready', 'denied', 'broken', 'unreachable'
    Column("since", UtcDateTime, nullable=False),  # it is in this state
    Column("message", Text, nullable=False, server_default=""),  # a msgid
    Column("params", JSON, nullable=False, server_default="{}"),
    Column("checked_at", UtcDateTime),
    Column("check_at", UtcDateTime, nullable=False, index=True),  # when it is looked at next
    Column("leased_until", UtcDateTime),  # a worker is looking
    Column("expires_at", UtcDateTime),  # when its credentials end, as the platform says
    Column("quotas", JSON, nullable=False, server_default="[]"),  # [{name, limit, remaining, resets_at}]
)

publication = Table(  # one row per case, channel and revision, written before the call
    "publication", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("instance_id", Id, ForeignKey("process_instance.id"), nullable=False),
    Column("channel_id", Key, nullable=False),
    Column("revision", Integer, nullable=False, server_default="1"),
    Column("connector", Key, nullable=False),
    Column("kind", Key),  # jenis: 'berita', …; NULL where the process does not say
    # 'attempted', 'planned' (waits here for its time), 'held' (for the end of a hold), 'published', 'scheduled' (waits at the platform),
    # 'manual', 'failed', 'unknown', 'withdrawn'
    Column("state", Key, nullable=False),
    Column("content_sha256", String(64), nullable=False),
    Column("url", Text),
    Column("platform_id", Text),
    Column("published_at", UtcDateTime),  # of a withdrawn one: when it was withdrawn
    Column("waits_until", UtcDateTime),  # until when it was planned or held last; of a scheduled one: to when its platform is to move it
    Column("error", Text),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("instance_id", "channel_id", "revision"),
    Index("ix_publication_kind", "tenant_id", "kind", "instance_id"),
    Index("ix_publication_news", "tenant_id", "kind", "published_at", "instance_id"),
    Index("ix_publication_state", "tenant_id", "state", "published_at"),
    Index("ix_publication_board", "tenant_id", "updated_at", "id"),
    Index("ix_publication_board_channel", "tenant_id", "channel_id", "updated_at", "id"),
    Index("ix_publication_board_state", "tenant_id", "state", "updated_at", "id"),
    Index("ix_publication_waits", "tenant_id", "waits_until", "id", sqlite_where=text("state IN ('planned', 'held')"),
          postgresql_where=text("state IN ('planned', 'held')")),
)

publication_progress = Table(  # how far a publication or takedown came that is not settled yet
    "publication_progress", metadata,
    Column("publication_id", Id, ForeignKey("publication.id"), primary_key=True),
    Column("notes", LargeBinary),  # a Fernet token of the connector's `Progress`, as JSON
    Column("looks", Integer, nullable=False, server_default="0"),  # how often its platform was asked whether it stands there
    Column("updated_at", UtcDateTime, nullable=False),
)

publication_standing = Table(  # whether a post still stands as it was approved: see `engine.drift`
    "publication_standing", metadata,
    Column("publication_id", Id, ForeignKey("publication.id"), primary_key=True),
    _tenant(),
    Column("channel_id", Key, nullable=False),
    Column("state", Key, nullable=False),  # 'new' (not looked at yet), 'stands', 'changed', 'gone', 'unreachable', 'accepted', 'over'
    Column("since", UtcDateTime, nullable=False),  # it is in this state
    Column("seen", Key),  # what a look showed that is not believed before another look shows it too
    Column("seen_at", UtcDateTime),  # first
    Column("message", Text, nullable=False, server_default=""),  # a msgid: what differs, or why nobody can tell
    Column("params", JSON, nullable=False, server_default="{}"),
    Column("found", String(64)),  # what names that which was found instead
    Column("accepted", String(64)),  # of these, what a person said is right so
    Column("stood_at", UtcDateTime),  # when it was last seen as approved
    Column("checked_at", UtcDateTime),
    Column("check_at", UtcDateTime),  # when it is looked at next; NULL: not any more
    Column("leased_until", UtcDateTime),  # a worker is looking
    Index("ix_publication_standing_due", "check_at", "publication_id",
          sqlite_where=text("check_at IS NOT NULL"), postgresql_where=text("check_at IS NOT NULL")),
    Index("ix_publication_standing_drifted", "tenant_id", "state", "publication_id",
          sqlite_where=text("state IN ('changed', 'gone', 'unreachable')"),
          postgresql_where=text("state IN ('changed', 'gone', 'unreachable')")),
)

standing_tally = Table(  # how many posts of a channel are in each state that a look gave them
    "standing_tally", metadata,
    Column("tenant_id", Key, ForeignKey("tenant.id"), primary_key=True),
    Column("channel_id", Key, primary_key=True),
    Column("state", Key, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

document = Table(  # a file of a case; its bytes lie in the archive under their SHA-256, for ever
    "document", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("instance_id", Id, index=True),  # NULL until the form it was uploaded with is completed
    Column("task_id", Id),
    Column("variable", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Key, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes
    Column("sha256", String(64), nullable=False),
    Column("uploaded_by", Key),
    Column("uploaded_at", UtcDateTime, nullable=False),
    Column("replaces", Id),  # the document that this is a newer version of; the older one stays
    Index("ix_document_sha256", "sha256"),  # who else names these bytes
)

upload = Table(  # a file that is still coming in, piece by piece; its bytes lie in the instance folder's `uploads/`
    "upload", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("user_id", Key, nullable=False),
    Column("task_id", Id, nullable=False),
    Column("variable", Key, nullable=False),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),  # bytes it will have
    Column("received", BigInteger, nullable=False, server_default="0"),
    Column("replaces", Id),
    Column("created_at", UtcDateTime, nullable=False, index=True),
)

archive_entry = Table(  # the chain: each entry's hash covers the one before
    "archive_entry", metadata,
    Column("tenant_id", Key, ForeignKey("tenant.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("instance_id", Id, index=True),
    Column("kind", Key, nullable=False),  # 'document', 'publication', 'page', 'documentation'
    Column("at", UtcDateTime, nullable=False),
    Column("content", Text, nullable=False),  # canonical JSON: what is recorded
    Column("files", JSON, nullable=False),  # [{name, sha256, size}]
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)

# A person's day -------------------------------------------------------------------------------------------------------

draft = Table(  # what a person has typed into a task's form and not yet handed on
    "draft", metadata,
    Column("task_id", Id, ForeignKey("activity_instance.id"), primary_key=True),
    Column("user_id", Key, ForeignKey("user_account.id"), primary_key=True),
    Column("fields", JSON, nullable=False),  # as the browser holds them, unchecked
    Column("version", Integer, nullable=False),  # rises by one with each save; an older page's save is refused
    Column("saved_at", UtcDateTime, nullable=False),
)

seen = Table(  # what a person has looked at: unread marks are its absence
    "seen", metadata,
    Column("user_id", Key, ForeignKey("user_account.id"), primary_key=True),
    Column("kind", Key, primary_key=True),  # 'task', 'news'
    Column("subject_id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Index("ix_seen_subject", "subject_id"),
)

saved_filter = Table(
    "saved_filter", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("user_id", Key, ForeignKey("user_account.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("query", Text, nullable=False),  # of the inbox's address, e.g. 'tab=group&search=pemilu'
    Column("created_at", UtcDateTime, nullable=False),
)

comment = Table(
    "comment", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("instance_id", Id, ForeignKey("process_instance.id"), nullable=False),
    Column("task_id", Id),
    Column("author", Key, nullable=False),
    Column("text", Text, nullable=False),
    Column("mentions", JSON, nullable=False),  # [user id]
    Column("created_at", UtcDateTime, nullable=False),
    Index("ix_comment_of", "instance_id", "id"),
)

notice = Table(  # the outbox: written with what it tells of, sent by a worker, once
    "notice", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("key", Key, nullable=False, unique=True),  # what it tells of, to whom and how: the same is never told twice
    Column("user_id", Key, ForeignKey("user_account.id"), nullable=False),
    Column("channel", Key, nullable=False),  # 'email', 'telegram'
    Column("kind", Key, nullable=False),  # 'task', 'due-soon', 'overdue', 'escalation', 'mention', 'published', …
    Column("task_id", Id),
    Column("instance_id", Id),
    Column("data", JSON, nullable=False),
    Column("state", Key, nullable=False),  # 'open', 'sent', 'dropped' (no longer true), 'failed'
    Column("due_at", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("leased_until", UtcDateTime),
    Column("batch", Id),  # the message it goes with: set before that is sent, taken away where it certainly was not sent
    Column("sent_at", UtcDateTime),
    Column("error", Text),
    Index("ix_notice_due", "due_at", "id", sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
    Index("ix_notice_failed", "tenant_id", "id", sqlite_where=text("state = 'failed'"), postgresql_where=text("state = 'failed'")),
    Index("ix_notice_of", "user_id", "id"),
    Index("ix_notice_task", "task_id"),
    Index("ix_notice_case", "instance_id"),
)

letter = Table(  # a numbered paper: lembar disposisi, nota dinas
    "letter", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("instance_id", Id, ForeignKey("process_instance.id"), nullable=False),
    Column("task_id", Id, nullable=False),
    Column("kind", Key, nullable=False),  # 'lembar-disposisi', 'nota-dinas'
    Column("number", Key, nullable=False),
    Column("token", Key, nullable=False, unique=True),  # in the QR code's address, which says whether it is genuine
    Column("content", JSON, nullable=False),  # what it says
    Column("pdf", Id, nullable=False),  # documents
    Column("docx", Id, nullable=False),
    Column("issued_at", UtcDateTime, nullable=False),
    Column("issued_by", Key),
    UniqueConstraint("task_id", "kind"),
    Index("ix_letter_of", "instance_id"),
)

# The process owner's studio -------------------------------------------------------------------------------------------

model_draft = Table(  # a procedure being changed: one for a key, which its process owners share
    "model_draft", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("key", Key, nullable=False),  # the process definition's key
    Column("name", Text, nullable=False),
    Column("base_id", Key),  # the definition that it began as; NULL: a new procedure
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Key),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("saves", Integer, nullable=False),  # counts every save of it; a file's version is the number of its last
    Column("restored_version", Integer),  # the old version whose files it began with; NULL: begun otherwise
    UniqueConstraint("tenant_id", "key"),
)

model_draft_file = Table(
    "model_draft_file", metadata,
    Column("draft_id", Id, ForeignKey("model_draft.id"), primary_key=True),
    Column("name", Key, primary_key=True),  # 'penerbitan-informasi.bpmn', 'tugaskan.form'
    Column("content", LargeBinary, nullable=False),
    Column("version", Integer, nullable=False),  # the draft's `saves` at its last save; a save that knows another is refused
    Column("updated_at", UtcDateTime, nullable=False),
    Column("updated_by", Key),
)

scenario = Table(  # a trial run that is kept, and run again on later versions
    "scenario", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("key", Key, nullable=False),  # of the process definition
    Column("name", Text, nullable=False),
    Column("steps", JSON, nullable=False),  # what was done, and what was seen after each: see `engine.trials`
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Key),
    UniqueConstraint("tenant_id", "key", "name"),
)

batch = Table(  # one thing done to many cases by the worker: Camunda's batch, see `engine.batches`
    "batch", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("type", Key, nullable=False),  # 'instance-migration', 'set-job-retries', …
    Column("data", JSON, nullable=False),  # what is to be done; of a migration its plan, see `engine.migration_plan`
    Column("reason", Text, nullable=False, server_default=""),
    Column("state", Key, nullable=False),  # 'draft' (its list is frozen, and nothing begun), 'running', 'suspended', 'done', 'stopped'
    Column("total", Integer, nullable=False),  # items that are to be done
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Key),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("key", Key),  # of a migration: the procedure, and the versions between which it goes
    Column("source_id", Key, ForeignKey("process_definition.id")),
    Column("target_id", Key, ForeignKey("process_definition.id")),
    Index("ix_batch_list", "tenant_id", "created_at", "id"),
    Index("ix_batch_open", "created_at", "id", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
)

batch_item = Table(  # the list, as it was frozen
    "batch_item", metadata,
    Column("batch_id", Id, ForeignKey("batch.id"), primary_key=True),
    Column("subject_id", Id, primary_key=True),  # what it is done to: a case, or an incident, job or task of one
    Column("instance_id", Id, nullable=False),  # the case
    Column("seen", Text, nullable=False, server_default=""),  # how it was then: what looks otherwise at its turn is left alone
    Column("state", Key, nullable=False),  # 'open', 'done', 'failed', 'ended' (before its turn came), 'refused' (never to be tried)
    Column("problem", JSON),  # why it failed or was refused: {message, params, element}
    Column("at", UtcDateTime),
    Index("ix_batch_item_state", "batch_id", "state", "subject_id"),
    Index("ix_batch_item_of", "instance_id"),
)

# How long what is kept ------------------------------------------------------------------------------------------------

retention = Table(  # an office's own rule for a procedure, in place of the diagram's camunda:historyTimeToLive
    "retention", metadata,
    Column("tenant_id", Key, ForeignKey("tenant.id"), primary_key=True),
    Column("key", Key, primary_key=True),  # the process definition's
    Column("days", Integer),  # after a case's end; NULL: for ever
    Column("published", Boolean, nullable=False, server_default=text("false")),  # also those of which something is still up
    Column("reason", Text, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("set_by", Key),
)

legal_hold = Table(  # what must not go, whatever its time: one case, or all of a procedure
    "legal_hold", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("instance_id", Id),
    Column("key", Key),
    Column("reason", Text, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    Column("set_by", Key),
    Column("lifted_at", UtcDateTime),
    Column("lifted_by", Key),
    Column("lift_reason", Text),
    Index("ix_legal_hold_list", "tenant_id", "set_at", "id"),
    Index("ix_legal_hold_case", "instance_id", sqlite_where=text("lifted_at IS NULL"), postgresql_where=text("lifted_at IS NULL")),
    Index("ix_legal_hold_key", "tenant_id", "key", sqlite_where=text("lifted_at IS NULL"), postgresql_where=text("lifted_at IS NULL")),
)

disposal = Table(  # cases whose time is over, let go together: what its record (berita acara) is made of; see `engine.disposal`
    "disposal", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("state", Key, nullable=False),  # 'shown' (the list stands, nothing has gone), 'running', 'stopped', 'done', 'dropped'
    Column("reason", Text, nullable=False, server_default=""),
    Column("total", Integer, nullable=False),
    Column("automatic", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Key),
    Column("started_at", UtcDateTime),
    Column("started_by", Key),
    Column("ended_at", UtcDateTime),
    Index("ix_disposal_list", "tenant_id", "created_at", "id"),
)

disposal_case = Table(
    "disposal_case", metadata,
    Column("disposal_id", Id, ForeignKey("disposal.id"), primary_key=True),
    Column("instance_id", Id, primary_key=True),
    Column("tenant_id", Key, nullable=False),
    Column("definition_key", Key, nullable=False),
    Column("business_key", Key, nullable=False),
    Column("title", Text, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("state", Key, nullable=False),  # 'open', 'going' (only within the transaction in which it goes), 'gone', 'kept'
    Column("why", Key),  # of a kept one: see `engine.keeping.WHY`
    Column("files", Integer, nullable=False, server_default="0"),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("at", UtcDateTime),
    Index("ix_disposal_case_state", "disposal_id", "state", "instance_id"),
    Index("ix_disposal_case_of", "instance_id"),
)

disposal_file = Table(  # bytes that went with those cases, unless another row names them
    "disposal_file", metadata,
    Column("disposal_id", Id, ForeignKey("disposal.id"), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", Key, nullable=False),  # 'open', 'gone', 'kept' (named elsewhere)
    Column("at", UtcDateTime),
    Index("ix_disposal_file_state", "disposal_id", "state", "sha256"),
    Index("ix_disposal_file_sha256", "sha256"),
)

# What is watched ------------------------------------------------------------------------------------------------------

worker = Table(  # a worker process says that it lives: see `engine.workers`
    "worker", metadata,
    Column("id", Key, primary_key=True),  # its Celery node name, with its process id and host
    Column("host", Key, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("processes", Integer, nullable=False),  # how many jobs it does at once
    Column("version", Key, nullable=False),  # of Terbit
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),  # that the process was there
    Column("swept_at", UtcDateTime),  # that a message came through the broker to one of its children
)

tally = Table(  # small counts by the hour, kept for a month: see `engine.tallies`
    "tally", metadata,
    Column("name", Key, primary_key=True),  # 'sign-in.failed', 'archive.bytes', 'archive.files'
    Column("hour", UtcDateTime, primary_key=True),  # its beginning
    Column("subject", Key, primary_key=True),  # of a failed sign-in: the account, '' where there is none of that name
    Column("tenant_id", Key),  # of that account
    Column("value", BigInteger, nullable=False),
)

# Evidence: what the ended cases show, see `engine.evidence` ---------------------------------------------------------------

evidence_case = Table(  # one row for each ended case that was counted
    "evidence_case", metadata,
    Column("instance_id", Id, primary_key=True),
    _tenant(),
    Column("key", Key, nullable=False),
    Column("definition_id", Key, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("day", Date, nullable=False),  # on which it ended, in the office's zone
    Column("kind", Key, nullable=False),  # its `jenis`; '' where the procedure has none
    Column("unit", Key, nullable=False),  # the writer's group
    Column("writer", Key),
    Column("variant", String(32), nullable=False),
    Column("working_seconds", BigInteger, nullable=False),  # from start to end
    Column("decisions", Integer, nullable=False),
    Column("returned", Integer, nullable=False),  # how many of them were TIDAK
    Column("again_seconds", BigInteger, nullable=False),  # working time of steps that were done again
    Column("cancelled", Boolean, nullable=False),
    Column("moved", Boolean, nullable=False),  # a token was moved by hand
    Column("manual", Boolean, nullable=False),  # published by hand
    Column("extended", Boolean, nullable=False),  # a step was given more time
    Column("kept", Boolean, nullable=False, server_default=text("false")),  # disposed of; what it added stands in `evidence_kept`
    Index("ix_evidence_case_list", "tenant_id", "key", "ended_at", "instance_id"),
    Index("ix_evidence_case_variant", "tenant_id", "variant", "ended_at", "instance_id"),
    Index("ix_evidence_case_long", "tenant_id", "key", "working_seconds"),
    Index("ix_evidence_case_left", "tenant_id", "key", "ended_at", "instance_id",
          sqlite_where=text("cancelled OR moved OR manual OR extended"), postgresql_where=text("cancelled OR moved OR manual OR extended")),
)


def _sums() -> list[Column]:
    return [
        Column("id", String(32), primary_key=True),  # made of what it is about
        _tenant(),
        Column("key", Key, nullable=False),
        Column("what", String(8), nullable=False),  # 'case' 'activity' 'flow' 'follows' 'variant' 'writer' 'rounds' 'channel' 'class'
        Column("element", Text, nullable=False),
        Column("definition_id", Key, nullable=False),
        Column("grain", String(1), nullable=False),  # 'd', 'm'
        Column("day", Date, nullable=False),  # of a month: its first
        Column("kind", Key, nullable=False),
        Column("unit", Key, nullable=False),
        Column("count", BigInteger, nullable=False),  # what `measures` counts
        Column("measures", Text, nullable=False),  # JSON: sums, see `evidence.cells`
        *(Column(name, Text, nullable=False) for name in ("lead", "wait", "work"))]  # JSON: histograms of minutes, '' where there is none


evidence_cell = Table(  # sums over the cases that ended on a day, or in a month, there also over all kinds and all groups ('*')
    "evidence_cell", metadata, *_sums(),
    Index("ix_evidence_cell_read", "tenant_id", "key", "what", "grain", "day", "kind", "unit"),
)

evidence_kept = Table(  # of these sums, the part of cases that were disposed of: what counting anew begins with
    "evidence_kept", metadata, *_sums(),
    Index("ix_evidence_kept_tenant", "tenant_id"),
)

evidence_variant = Table(  # the ways that cases took: the activities in the order in which they were done
    "evidence_variant", metadata,
    Column("tenant_id", Key, ForeignKey("tenant.id"), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("key", Key, nullable=False),
    Column("path", JSON, nullable=False),  # [activity id], cut where it is very long
    Column("length", Integer, nullable=False),
)

evidence_return = Table(  # one row for each TIDAK
    "evidence_return", metadata,
    Column("id", Id, primary_key=True),  # the activity instance in which it was said
    _tenant(),
    Column("key", Key, nullable=False),
    Column("instance_id", Id, nullable=False),
    Column("activity_id", Key, nullable=False),
    Column("definition_id", Key, nullable=False),
    Column("day", Date, nullable=False),  # on which its case ended
    Column("kind", Key, nullable=False),
    Column("unit", Key, nullable=False),
    Column("wording", String(32), nullable=False),  # of `evidence_wording`
    Column("category_id", Id, nullable=False, server_default=""),  # that wording's
    Index("ix_evidence_return_read", "tenant_id", "key", "day", "category_id", "kind", "unit", "definition_id"),
    Index("ix_evidence_return_wording", "tenant_id", "key", "wording"),
    Index("ix_evidence_return_of", "instance_id"),
)

evidence_wording = Table(  # the notes of TIDAK, each wording once; its category is put there by hand
    "evidence_wording", metadata,
    Column("tenant_id", Key, ForeignKey("tenant.id"), primary_key=True),
    Column("key", Key, primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("note", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("category_id", Id, nullable=False, server_default=""),
    Index("ix_evidence_wording_list", "tenant_id", "key", "category_id", "count", "id"),
)

evidence_category = Table(  # why work is sent back, in an office's words, kept with the procedure's key
    "evidence_category", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("key", Key, nullable=False),
    Column("name", Text, nullable=False),
    UniqueConstraint("tenant_id", "key", "name"),
)

report_subscription = Table(  # a report that is sent whenever its period is over: see `engine.evidence.subscriptions`
    "report_subscription", metadata,
    Column("id", Id, primary_key=True),
    _tenant(),
    Column("report", Key, nullable=False),  # 'rekap', 'tinjauan', 'mutu-baku'
    Column("key", Key, nullable=False),  # of the procedure
    Column("every", Key, nullable=False),  # 'week', 'month', 'quarter', 'semester'
    Column("form", Key, nullable=False),  # 'pdf', 'docx', 'xlsx'
    Column("recipients", JSON, nullable=False),  # accounts
    Column("since", Date, nullable=False),  # the first day of the period that is sent next
    Column("next_at", UtcDateTime),  # when; NULL: it was ended
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Key),
    Index("ix_report_subscription_due", "next_at", "id",
          sqlite_where=text("next_at IS NOT NULL"), postgresql_where=text("next_at IS NOT NULL")),
    Index("ix_report_subscription_list", "tenant_id", "id",
          sqlite_where=text("next_at IS NOT NULL"), postgresql_where=text("next_at IS NOT NULL")),
)

report_delivery = Table(  # that a period's report was put into the outbox: written with it, once
    "report_delivery", metadata,
    Column("subscription_id", Id, ForeignKey("report_subscription.id"), primary_key=True),
    Column("since", Date, primary_key=True),
    Column("until", Date, nullable=False),
    Column("told_at", UtcDateTime, nullable=False),
    Column("recipients", Integer, nullable=False),
)

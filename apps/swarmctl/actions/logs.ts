import { taskName } from '@swarmkit/sdk/model/task';
import { timestampFromMs, timestampToMs } from '@swarmkit/sdk/model/time';
import { isSwarmError, messageOf } from '@swarmkit/sdk/plugin/errors';
import type { Timestamp } from '@swarmkit/sdk/wire/gen/google/protobuf/timestamp';
import { GetNodeRequest, GetTaskRequest } from '@swarmkit/sdk/wire/gen/swarmkit/control';
import {
  type LogContext,
  type LogMessage,
  LogSelector,
  LogStream,
  LogSubscriptionOptions,
} from '@swarmkit/sdk/wire/gen/swarmkit/logbroker';
import type { LogFlags } from '../commands/log-flags.js';
import { findService, findTask, hostnameOf } from '../find.js';
import { LogPlace } from '../output/log-place.js';
import type { Session } from '../session.js';
import { instant, tailOf } from '../spec/log-options.js';

/** Docker's client cuts ids to this. */
const SHORT = 12;
const AGAIN_MS = 1_000;

/** A word may be a service or one of its tasks. */
export async function serviceLogs(session: Session, word: string, flags: LogFlags): Promise<void> {
  await show(session, await selectorOf(session, word), flags);
}

export async function taskLogs(
  session: Session,
  words: readonly string[],
  flags: LogFlags,
): Promise<void> {
  const tasks = await Promise.all(words.map((word) => findTask(session.control, word)));
  await show(session, LogSelector.fromPartial({ taskIds: tasks.map(({ id }) => id) }), flags);
}

async function selectorOf({ control }: Session, word: string): Promise<LogSelector> {
  try {
    return LogSelector.fromPartial({ serviceIds: [(await findService(control, word)).id] });
  } catch (error) {
    if (!isSwarmError(error) || error.kind !== 'not-found') throw error;
    const task = await findTask(control, word).catch(() => undefined);
    if (task === undefined) throw error;
    return LogSelector.fromPartial({ taskIds: [task.id] });
  }
}

async function show(session: Session, selector: LogSelector, flags: LogFlags): Promise<void> {
  const { control, io } = session;
  const stop = new AbortController();
  const forget = io.onInterrupt(() => stop.abort());
  const names = new Names(session, flags);
  const place = new LogPlace();
  const asked = LogSubscriptionOptions.fromPartial({
    follow: flags.follow === true,
    tail: tailOf(flags.tail ?? 'all'),
    since: flags.since === undefined ? undefined : timestampFromMs(instant(flags.since, io.now())),
  });
  let options = asked;
  try {
    while (!stop.signal.aborted)
      try {
        const request = { selector, options };
        for await (const { messages } of control.logs(request, { signal: stop.signal }))
          for (const message of messages)
            if (place.isNew(message)) await print(session, message, names, flags);
        // A manager that ends a reader that follows is going away.
        if (!asked.follow) return;
      } catch (error) {
        if (stop.signal.aborted) return;
        if (isIncomplete(error)) {
          io.stderr.write(`swarmctl: ${messageOf(error)}\n`);
          return;
        }
        if (!asked.follow || !passesBy(error)) throw error;
        io.stderr.write(`swarmctl: ${messageOf(error)}; trying again\n`);
        place.begin();
        const since = place.earliest;
        if (since !== undefined) options = { ...asked, tail: 0n, since };
        await io.sleep(AGAIN_MS, stop.signal);
      }
  } finally {
    forget();
  }
}

/** SwarmKit's way of saying that some nodes could not answer: what came is whole for the others. */
const isIncomplete = (error: unknown): boolean =>
  messageOf(error).startsWith('warning: incomplete log stream');

/** The leader changed, or none is there yet. */
const passesBy = (error: unknown): boolean =>
  isSwarmError(error) &&
  (error.kind === 'unavailable' ||
    error.kind === 'aborted' ||
    /broker is not running|does not have a leader/.test(error.message));

async function print(
  { io, json, say }: Session,
  message: LogMessage,
  names: Names,
  flags: LogFlags,
): Promise<void> {
  const { context, timestamp, data, stream } = message;
  const text = data.toString('utf8').replace(/\r?\n$/, '');
  if (json) {
    say(JSON.stringify({ ...context, stream: LogStream[stream], at: iso(timestamp), text }));
    return;
  }
  const at = flags.timestamps === true ? `${iso(timestamp)} ` : '';
  const who = flags.raw === true ? '' : `${await names.of(context)}    | `;
  (stream === LogStream.STDERR ? io.stderr : io.stdout).write(`${at}${who}${text}\n`);
}

const iso = (timestamp: Timestamp | undefined): string =>
  new Date(timestampToMs(timestamp) ?? 0).toISOString();

/** `web.1.k3j2h1g4f5d6@host`, looked up once a task. */
class Names {
  private readonly known = new Map<string, Promise<string>>();

  constructor(
    private readonly session: Session,
    private readonly flags: LogFlags,
  ) {}

  of(context: LogContext | undefined): Promise<string> {
    const { taskId = '', nodeId = '' } = context ?? {};
    const known = this.known.get(taskId) ?? this.look(taskId, nodeId);
    this.known.set(taskId, known);
    return known;
  }

  private async look(taskId: string, nodeId: string): Promise<string> {
    const { control } = this.session;
    const short = (id: string): string => (this.flags.trunc === false ? id : id.slice(0, SHORT));
    if (this.flags.resolve === false) return `${short(taskId)}@${short(nodeId)}`;
    // A task or a node may be gone by now; its lines are worth reading all the same.
    const [task, node] = await Promise.all([
      control.getTask(GetTaskRequest.create({ taskId })).catch(() => undefined),
      control.getNode(GetNodeRequest.create({ nodeId })).catch(() => undefined),
    ]);
    const host = (node?.node && hostnameOf(node.node)) || short(nodeId);
    if (task?.task === undefined) return `${short(taskId)}@${host}`;
    const full = taskName(task.task);
    // The wire's own name of a task ends with its id.
    const slot = full.endsWith(`.${taskId}`) ? full.slice(0, -taskId.length - 1) : full;
    return `${slot}${this.flags.taskIds === false ? '' : `.${short(taskId)}`}@${host}`;
  }
}

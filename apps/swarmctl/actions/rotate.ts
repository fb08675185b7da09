/**
 * A new version of a secret or config: made beside the old one, all services moved to it by their own update
 * policies, old ones removed when nobody has them any more. Each step looks at what there is and not at
 * what was done: whatever breaks off, the same command again leads to the same end.
 */
import { isJob, observedState } from '@swarmkit/sdk/model/task';
import { isSwarmError, SwarmError } from '@swarmkit/sdk/plugin/errors';
import {
  ListServicesRequest,
  ListTasksRequest,
  UpdateServiceRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import type { ContainerSpec, TaskSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { TaskState } from '@swarmkit/sdk/wire/gen/swarmkit/types';
import type { WaitFlags } from '../commands/service.js';
import { findService } from '../find.js';
import { jsonOf } from '../output/json.js';
import { nameOf } from '../output/service-text.js';
import { watchService } from '../progress/watch.js';
import type { Session } from '../session.js';
import { byVersion, nextVersion, POINTER_LABEL, pointerOf } from '../spec/versions.js';
import { access, type DataKind, type DataObject } from './data-kinds.js';
import { retryOutOfSequence } from './sequence.js';

/** Without a file it goes on with a rotation that broke off: everybody to the newest, old ones out. */
export async function rotateData(
  session: Session,
  kind: DataKind,
  word: string,
  file: string | undefined,
  flags: WaitFlags,
): Promise<void> {
  const data = file === undefined ? undefined : await session.io.read(file);
  const pointer = pointerOf(await access[kind].find(session.control, word));
  const newest = await newestWith(session, kind, pointer, data);
  if (session.json) session.sayJson(jsonOf(kind, newest));
  else session.say(newest.id);
  const old = (await versionsOf(session, kind, pointer)).filter(({ id }) => id !== newest.id);
  await moveServices(session, kind, new Set(old.map(({ id }) => id)), newest, flags);
  await removeUnused(session, kind, old);
}

/** From old to new. One that was never rotated is just called so. */
async function versionsOf(
  { control }: Session,
  kind: DataKind,
  pointer: string,
): Promise<readonly DataObject[]> {
  const { list } = access[kind];
  const named = (await list(control, { names: [pointer] })).filter(
    (one) => one.spec?.annotations?.name === pointer,
  );
  const labelled = await list(control, { labels: { [POINTER_LABEL]: pointer } });
  return [...new Map([...named, ...labelled].map((one) => [one.id, one])).values()].sort(byVersion);
}

const attempts = 5;

/** The newest version as it is, or a new one with other data. */
async function newestWith(
  session: Session,
  kind: DataKind,
  pointer: string,
  data: Buffer | undefined,
): Promise<DataObject> {
  for (let attempt = 1; ; attempt++) {
    const newest = (await versionsOf(session, kind, pointer)).at(-1);
    if (newest === undefined)
      throw new SwarmError(
        'not-found',
        'CTL_NOT_FOUND',
        `${kind} ${pointer} was removed meanwhile`,
      );
    // Of a secret nobody is told the data: the same one again is one more version.
    const isSame = kind === 'config' && data !== undefined && newest.spec?.data.equals(data);
    if (data === undefined || isSame) return newest;
    const { templating } = newest.spec ?? {};
    try {
      const made = await access[kind].create(session.control, {
        annotations: nextVersion(newest),
        data,
        ...(templating !== undefined && { templating: { name: templating.name } }),
      });
      if (made !== undefined) return made;
    } catch (error) {
      // Somebody else rotates it too: theirs is one version, ours the next.
      const isTaken = isSwarmError(error) && error.kind === 'already-exists';
      if (!isTaken || attempt === attempts) throw error;
    }
  }
}

const containerOf = (task: TaskSpec | undefined): ContainerSpec | undefined =>
  task?.runtime?.$case === 'container' ? task.runtime.value : undefined;

const uses = (kind: DataKind, task: TaskSpec | undefined, ids: ReadonlySet<string>): boolean => {
  const container = containerOf(task);
  return container !== undefined && access[kind].used(container).some((id) => ids.has(id));
};

async function moveServices(
  session: Session,
  kind: DataKind,
  from: ReadonlySet<string>,
  to: DataObject,
  { detach, quiet }: WaitFlags,
): Promise<void> {
  const { services } = await session.control.listServices(ListServicesRequest.create());
  const users = services.filter(({ spec }) => uses(kind, spec?.task, from));
  const moved: Service[] = [];
  for (const user of users) {
    // An update runs a job once more.
    if (isJob(user)) {
      note(session, `${nameOf(user)} is a job: it keeps its ${kind} until it is updated`);
      continue;
    }
    const service = await moveService(session, kind, user.id, from, to);
    if (service === undefined) continue;
    note(session, `${nameOf(service)} is updated`);
    moved.push(service);
  }
  if (!detach) for (const service of moved) await watchService(session, service, { quiet });
}

const moveService = (
  session: Session,
  kind: DataKind,
  id: string,
  from: ReadonlySet<string>,
  to: DataObject,
): Promise<Service | undefined> =>
  retryOutOfSequence(async () => {
    const before = await findService(session.control, id);
    const container = containerOf(before.spec?.task);
    if (before.spec?.task === undefined || container === undefined) return undefined;
    const value = access[kind].moved(container, from, to);
    const { service } = await session.control.updateService(
      UpdateServiceRequest.create({
        serviceId: before.id,
        serviceVersion: before.meta?.version,
        spec: {
          ...before.spec,
          task: { ...before.spec.task, runtime: { $case: 'container', value } },
        },
      }),
    );
    return service;
  });

/** A task that lives may still be restarted on its node, and reads it again then. */
async function removeUnused(
  session: Session,
  kind: DataKind,
  old: readonly DataObject[],
): Promise<void> {
  if (old.length === 0) return;
  const [{ services }, { tasks }] = await Promise.all([
    session.control.listServices(ListServicesRequest.create()),
    session.control.listTasks(ListTasksRequest.create()),
  ]);
  for (const version of old) {
    const ids = new Set([version.id]);
    const name = version.spec?.annotations?.name ?? version.id;
    const service = services.find(({ spec }) => uses(kind, spec?.task, ids));
    const task = tasks.find(
      (one) => observedState(one) <= TaskState.RUNNING && uses(kind, one.spec, ids),
    );
    if (service !== undefined) note(session, `${name} stays: ${nameOf(service)} uses it`);
    else if (task !== undefined)
      note(session, `${name} stays: task ${task.id} still has it; rotate again to remove it`);
    else {
      await access[kind].remove(session.control, version.id);
      note(session, `${name} is removed`);
    }
  }
}

/** Standard output is for the id. */
const note = (session: Session, text: string): void => session.io.stderr.write(`${text}\n`);

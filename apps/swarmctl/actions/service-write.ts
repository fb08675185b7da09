import {
  CreateServiceRequest,
  GetServiceRequest,
  RemoveServiceRequest,
  UpdateServiceRequest,
  UpdateServiceRequest_Rollback,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import type { WaitFlags } from '../commands/service.js';
import { eachOf } from '../each-of.js';
import { findNetwork, findService } from '../find.js';
import { jsonOf } from '../output/json.js';
import { watchService } from '../progress/watch.js';
import type { Session } from '../session.js';
import type { ServiceFlags } from '../spec/service-flags.js';
import { applyServiceFlags } from '../spec/service-spec.js';
import { usage } from '../spec/units.js';
import { retryOutOfSequence } from './sequence.js';

export async function createService(
  session: Session,
  word: string | undefined,
  words: readonly string[],
  flags: ServiceFlags & WaitFlags,
): Promise<void> {
  const image = flags.image ?? word;
  if (image === undefined)
    throw usage('service create needs an image: swarmctl service create IMAGE');
  // With --image there is no positional one: then all words are the command's.
  const args = flags.image !== undefined && word !== undefined ? [word, ...words] : words;
  if (args.length > 0 && flags.args !== undefined)
    throw usage('the command is given twice: with --args and after the image');
  const spec = applyServiceFlags(
    ServiceSpec.create(),
    {
      ...flags,
      image,
      name: flags.name ?? nameFromImage(image),
      ...(args.length > 0 && { args }),
    },
    await networkIds(session, flags),
  );
  const { service } = await session.control.createService(CreateServiceRequest.create({ spec }));
  await finish(session, service, flags);
}

export async function updateService(
  session: Session,
  word: string,
  flags: ServiceFlags & WaitFlags,
): Promise<void> {
  const networks = await networkIds(session, flags);
  const service = await retryOutOfSequence(async () => {
    const before = await findService(session.control, word);
    const spec = before.spec ?? ServiceSpec.create();
    const answer = await session.control.updateService(
      UpdateServiceRequest.create({
        serviceId: before.id,
        serviceVersion: before.meta?.version,
        spec: flags.rollback ? spec : applyServiceFlags(spec, flags, networks),
        rollback: flags.rollback
          ? UpdateServiceRequest_Rollback.PREVIOUS
          : UpdateServiceRequest_Rollback.NONE,
      }),
    );
    return answer.service;
  });
  await finish(session, service, flags);
}

export const removeServices = (session: Session, words: readonly string[]): Promise<void> =>
  eachOf(words, async (word) => {
    const { id } = await findService(session.control, word);
    await session.control.removeService(RemoveServiceRequest.create({ serviceId: id }));
    session.say(word);
  });

/** The id first: whoever stops waiting has it. */
async function finish(
  session: Session,
  service: Service | undefined,
  { detach, quiet, rollback }: ServiceFlags & WaitFlags,
): Promise<void> {
  if (service === undefined) return;
  if (!session.json) session.say(service.id);
  if (!detach) await watchService(session, service, { quiet, isRollback: rollback });
  if (session.json) {
    const { service: now } = await session.control.getService(
      GetServiceRequest.create({ serviceId: service.id }),
    );
    session.sayJson(jsonOf('service', now ?? service));
  }
}

async function networkIds(session: Session, flags: ServiceFlags): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const name of flags.network ?? []) ids.push((await findNetwork(session.control, name)).id);
  return ids;
}

/** `docker.io/library/nginx:1.27` -> `nginx-x7f2`: readable, and unlikely to be taken. */
function nameFromImage(image: string): string {
  const last = image.split('@')[0]?.split('/').at(-1)?.split(':')[0] ?? '';
  const clean = last.replace(/[^a-zA-Z0-9_-]/g, '-').replace(/^[^a-zA-Z0-9]+|[^a-zA-Z0-9]+$/g, '');
  const suffix = Math.random().toString(36).slice(2, 6).padEnd(4, '0');
  return `${clean.slice(0, 58) || 'service'}-${suffix}`;
}

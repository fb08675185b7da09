import type { ControlClient } from '@swarmkit/sdk/client/control';
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
import { findConfig, findNetwork, findSecret, findService } from '../find.js';
import { jsonOf } from '../output/json.js';
import { watchService } from '../progress/watch.js';
import type { Session } from '../session.js';
import { credentialConfigWord } from '../spec/credential-spec.js';
import { dataFlag, type Meanings, type Meant } from '../spec/data-references.js';
import { networkWords } from '../spec/networks.js';
import type { ServiceFlags } from '../spec/service-flags.js';
import { applyServiceMode } from '../spec/service-mode.js';
import { applyServiceFlags, type FlagMeanings } from '../spec/service-spec.js';
import { count, pair, unreadable, usage } from '../spec/units.js';
import { registryLogin } from './registry-login.js';
import { retryOutOfSequence } from './sequence.js';

export async function createService(
  session: Session,
  word: string | undefined,
  words: readonly string[],
  given: ServiceFlags & WaitFlags,
): Promise<void> {
  const flags = await withEnvFiles(session, given);
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
    { ...(await meaningsOf(session, flags)), ...(await loginFor(session, flags, image)) },
  );
  const { service } = await session.control.createService(CreateServiceRequest.create({ spec }));
  await finish(session, service, flags);
}

export async function updateService(
  session: Session,
  word: string,
  given: ServiceFlags & WaitFlags,
): Promise<void> {
  const flags = await withEnvFiles(session, given);
  const meanings = await meaningsOf(session, flags);
  const service = await retryOutOfSequence(async () => {
    const before = await findService(session.control, word);
    const spec = before.spec ?? ServiceSpec.create();
    const answer = await session.control.updateService(
      UpdateServiceRequest.create({
        serviceId: before.id,
        serviceVersion: before.meta?.version,
        spec: flags.rollback
          ? spec
          : applyServiceFlags(spec, flags, {
              ...meanings,
              ...(await loginFor(session, flags, flags.image ?? imageOf(spec))),
            }),
        rollback: flags.rollback
          ? UpdateServiceRequest_Rollback.PREVIOUS
          : UpdateServiceRequest_Rollback.NONE,
      }),
    );
    return answer.service;
  });
  await finish(session, service, flags);
}

/** `web=3`, `db=1`: of a job, how many must complete. All are asked for before any is waited for. */
export async function scaleServices(
  session: Session,
  words: readonly string[],
  flags: WaitFlags,
): Promise<void> {
  const wanted = words.map((text) => {
    const [word, replicas] = pair(text);
    if (word === '' || replicas === '') throw unreadable('service scale', text, 'write SERVICE=N');
    count(`${word}=`, replicas);
    return { word, replicas };
  });
  const scaled: Service[] = [];
  await eachOf(
    wanted.map(({ word }) => word),
    async (word) => {
      const replicas = wanted.find((one) => one.word === word)?.replicas ?? '';
      const service = await retryOutOfSequence(async () => {
        const before = await findService(session.control, word);
        const spec = before.spec ?? ServiceSpec.create();
        const mode = applyServiceMode(spec.mode, { replicas });
        const answer = await session.control.updateService(
          UpdateServiceRequest.create({
            serviceId: before.id,
            serviceVersion: before.meta?.version,
            spec: { ...spec, mode },
          }),
        );
        return answer.service;
      });
      session.say(`${word} scaled to ${replicas}`);
      if (service !== undefined) scaled.push(service);
    },
  );
  if (!flags.detach)
    for (const service of scaled) await watchService(session, service, { quiet: flags.quiet });
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

/** What the flags name, each looked up once. */
async function meaningsOf({ control }: Session, flags: ServiceFlags): Promise<FlagMeanings> {
  const sources = (flag: string, texts: readonly string[] | undefined): readonly string[] =>
    (texts ?? []).map((text) => dataFlag(flag, text).source);
  const look = async <T extends { readonly id: string; readonly spec: Named | undefined }>(
    words: readonly string[],
    find: (control: ControlClient, word: string) => Promise<T>,
  ): Promise<Meanings> => {
    const found = new Map<string, Meant>();
    for (const word of new Set(words)) {
      const { id, spec } = await find(control, word);
      found.set(word, { id, name: spec?.annotations?.name ?? word });
    }
    return found;
  };
  return {
    networks: await look(networkWords(flags), findNetwork),
    secrets: await look(
      [...sources('--secret', flags.secret), ...sources('--secret-add', flags.secretAdd)],
      findSecret,
    ),
    configs: await look(
      [
        ...sources('--config', flags.config),
        ...sources('--config-add', flags.configAdd),
        ...[credentialConfigWord(flags.credentialSpec) ?? ''].filter(Boolean),
      ],
      findConfig,
    ),
  };
}

/** As Docker's CLI: without a login the pull is anonymous, and nobody is stopped by that. */
async function loginFor(
  { io }: Session,
  { withRegistryAuth }: ServiceFlags,
  image: string,
): Promise<Pick<FlagMeanings, 'registryAuth'>> {
  if (!withRegistryAuth) return {};
  const registryAuth = await registryLogin(io, image);
  if (registryAuth === undefined)
    io.stderr.write(`no login is kept for the registry of ${image}: nodes pull it without\n`);
  return registryAuth === undefined ? {} : { registryAuth };
}

const imageOf = ({ task }: ServiceSpec): string =>
  task?.runtime?.$case === 'container' ? task.runtime.value.image : '';

interface Named {
  readonly annotations: { readonly name: string } | undefined;
}

/** `--env` with what stands in the files of `--env-file` before it. */
async function withEnvFiles<F extends ServiceFlags>({ io }: Session, flags: F): Promise<F> {
  if (flags.envFile === undefined) return flags;
  const lines: string[] = [];
  for (const file of flags.envFile)
    for (const line of (await io.read(file)).toString().split(/\r?\n/)) {
      if (line.trim() === '' || line.trimStart().startsWith('#')) continue;
      // A name alone stands for what it is here.
      if (line.includes('=')) lines.push(line);
      else if (io.env[line.trim()] !== undefined)
        lines.push(`${line.trim()}=${io.env[line.trim()]}`);
    }
  return { ...flags, env: [...lines, ...(flags.env ?? [])] };
}

/** `docker.io/library/nginx:1.27` -> `nginx-x7f2`: readable, and unlikely to be taken. */
function nameFromImage(image: string): string {
  const last = image.split('@')[0]?.split('/').at(-1)?.split(':')[0] ?? '';
  const clean = last.replace(/[^a-zA-Z0-9_-]/g, '-').replace(/^[^a-zA-Z0-9]+|[^a-zA-Z0-9]+$/g, '');
  const suffix = Math.random().toString(36).slice(2, 6).padEnd(4, '0');
  return `${clean.slice(0, 58) || 'service'}-${suffix}`;
}

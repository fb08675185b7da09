import {
  CreateServiceRequest,
  GetServiceRequest,
  ListNodesRequest,
  ListServiceStatusesRequest,
  ListServicesRequest,
  ListTasksRequest,
  RemoveServiceRequest,
  UpdateServiceRequest,
  UpdateServiceRequest_Rollback,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { ServiceSpec } from '@swarmkit/sdk/wire/gen/swarmkit/specs';
import { Command } from 'commander';
import { findNetwork, findService } from '../find.js';
import { jsonOf, print } from '../output/json.js';
import { protocol, publishMode, sentence, updateState } from '../output/names.js';
import { fields } from '../output/fields.js';
import { table } from '../output/table.js';
import { watchService } from '../progress.js';
import type { Session } from '../session.js';
import { addServiceFlags, addUpdateFlags, type ServiceFlags } from '../spec/service-flags.js';
import { applyServiceFlags } from '../spec/service-spec.js';
import { usage } from '../spec/units.js';
import { taskTable } from './task.js';

interface DetachFlag {
  readonly detach?: boolean;
}

export function serviceCommand(open: () => Session): Command {
  const service = new Command('service')
    .description('Create, change and look at services')
    .enablePositionalOptions();
  service.addCommand(create(open));
  service.addCommand(update(open));

  service
    .command('ls')
    .alias('list')
    .description('List services')
    .option('-q, --quiet', 'ids only')
    .action(async ({ quiet }: { readonly quiet?: boolean }) => {
      const session = open();
      const { services } = await session.control.listServices(ListServicesRequest.create());
      const sorted = [...services].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
      if (session.format === 'json') print(sorted.map((one) => jsonOf('service', one)));
      else if (quiet) for (const { id } of sorted) console.log(id);
      else console.log(await serviceTable(session, sorted));
    });

  service
    .command('inspect <service>')
    .description('Show a service and its tasks')
    .option('-a, --all', 'also tasks that have ended')
    .action(async (word: string, { all }: { readonly all?: boolean }) => {
      const session = open();
      const found = await findService(session, word);
      if (session.format === 'json') {
        const { service: whole } = await session.control.getService(
          GetServiceRequest.create({ serviceId: found.id, insertDefaults: true }),
        );
        print(jsonOf('service', whole ?? found));
        return;
      }
      const { tasks } = await session.control.listTasks(
        ListTasksRequest.fromPartial({ filters: { serviceIds: [found.id] } }),
      );
      console.log(fields(await describe(session, found)));
      console.log();
      console.log(await taskTable(session, tasks, all === true));
    });

  service
    .command('rm <service...>')
    .alias('remove')
    .description('Remove services and their tasks')
    .action(async (words: readonly string[]) => {
      const session = open();
      for (const word of words) {
        const { id } = await findService(session, word);
        await session.control.removeService(RemoveServiceRequest.create({ serviceId: id }));
        console.log(word);
      }
    });
  return service;
}

function create(open: () => Session): Command {
  const command = new Command('create')
    .description('Create a service')
    .argument('[image]', 'container image (or --image)')
    .argument('[command...]', "replaces the image's command")
    .option('--name <name>', 'name of the service (default: made up from the image)')
    .option('--mode <mode>', 'replicated, global, replicated-job or global-job', 'replicated')
    .option('-d, --detach', 'do not wait until it has converged')
    .passThroughOptions();
  addServiceFlags(command);
  return command.action(
    async (
      image: string | undefined,
      words: readonly string[],
      flags: ServiceFlags & DetachFlag,
    ) => {
      const session = open();
      const reference = flags.image ?? image;
      if (reference === undefined)
        throw usage('service create needs an image: swarmctl service create IMAGE');
      const positional =
        flags.image !== undefined && image !== undefined ? [image, ...words] : words;
      const spec = applyServiceFlags(
        ServiceSpec.create(),
        {
          ...flags,
          image: reference,
          name: flags.name ?? nameFromImage(reference),
          ...(positional.length > 0 ? { args: positional } : {}),
        },
        await networkIds(session, flags),
      );
      const { service } = await session.control.createService(
        CreateServiceRequest.create({ spec }),
      );
      await finish(session, service, flags);
    },
  );
}

function update(open: () => Session): Command {
  const command = new Command('update')
    .description('Change a service: what is not named stays as it is')
    .argument('<service>')
    .option('--mode <mode>', 'a mode cannot be changed; named for the error it gives')
    .option('-d, --detach', 'do not wait until it has converged');
  addServiceFlags(command);
  addUpdateFlags(command);
  return command.action(async (word: string, flags: ServiceFlags & DetachFlag) => {
    const session = open();
    const before = await findService(session, word);
    const spec = flags.rollback
      ? before.spec
      : applyServiceFlags(
          before.spec ?? ServiceSpec.create(),
          flags,
          await networkIds(session, flags),
        );
    const { service } = await session.control.updateService(
      UpdateServiceRequest.create({
        serviceId: before.id,
        serviceVersion: before.meta?.version,
        spec,
        rollback: flags.rollback
          ? UpdateServiceRequest_Rollback.PREVIOUS
          : UpdateServiceRequest_Rollback.NONE,
      }),
    );
    await finish(session, service, flags);
  });
}

async function finish(
  session: Session,
  service: Service | undefined,
  flags: DetachFlag,
): Promise<void> {
  if (service === undefined) return;
  if (session.format === 'table') console.log(service.id);
  const job = service.spec?.mode?.$case.endsWith('Job') === true;
  if (!flags.detach && !job) await watchService(session, service.id);
  if (session.format === 'json') {
    const { service: now } = await session.control.getService(
      GetServiceRequest.create({ serviceId: service.id }),
    );
    print(jsonOf('service', now ?? service));
  }
}

const networkIds = async (session: Session, flags: ServiceFlags): Promise<readonly string[]> => {
  const ids: string[] = [];
  for (const name of flags.network ?? []) ids.push((await findNetwork(session, name)).id);
  return ids;
};

const nameOf = (service: Service): string => service.spec?.annotations?.name ?? '';

/** `docker.io/library/nginx:1.27` -> `nginx-x7f2`: readable, and unlikely to be taken. */
function nameFromImage(image: string): string {
  const last = image.split('/').at(-1)?.split(/[:@]/)[0] ?? 'service';
  const clean = last.replace(/[^a-zA-Z0-9_-]/g, '-').replace(/^[^a-zA-Z0-9]+|[^a-zA-Z0-9]+$/g, '');
  return `${clean || 'service'}-${Math.random().toString(36).slice(2, 6).padEnd(4, '0')}`;
}

const modeNames = {
  replicated: 'replicated',
  global: 'global',
  replicatedJob: 'replicated job',
  globalJob: 'global job',
} as const;

async function serviceTable(session: Session, services: readonly Service[]): Promise<string> {
  const { statuses } = await session.control.listServiceStatuses(
    ListServiceStatusesRequest.create({ services: services.map(({ id }) => id) }),
  );
  return table(
    ['ID', 'NAME', 'MODE', 'REPLICAS', 'IMAGE', 'PORTS'],
    services.map((service) => {
      const status = statuses.find(({ serviceId }) => serviceId === service.id);
      return [
        service.id,
        nameOf(service),
        modeNames[service.spec?.mode?.$case ?? 'replicated'],
        status ? `${status.runningTasks}/${status.desiredTasks}` : '',
        imageOf(service),
        portsOf(service),
      ];
    }),
  );
}

const imageOf = (service: Service): string => {
  const runtime = service.spec?.task?.runtime;
  return runtime?.$case === 'container' ? runtime.value.image : (runtime?.$case ?? '');
};

const portsOf = (service: Service): string =>
  (service.endpoint?.ports ?? service.spec?.endpoint?.ports ?? [])
    .map(
      (port) =>
        `${port.publishedPort === 0 ? '' : `${port.publishedPort}->`}${port.targetPort}/${protocol(port.protocol).toLowerCase()}${publishMode(port.publishMode) === 'HOST' ? ' (host)' : ''}`,
    )
    .join(', ');

async function describe(
  session: Session,
  service: Service,
): Promise<readonly (readonly [string, string])[]> {
  const { statuses } = await session.control.listServiceStatuses(
    ListServiceStatusesRequest.create({ services: [service.id] }),
  );
  const { nodes } = await session.control.listNodes(ListNodesRequest.create());
  const status = statuses[0];
  const update = service.updateStatus;
  const labels = Object.entries(service.spec?.annotations?.labels ?? {});
  const placement = service.spec?.task?.placement;
  return [
    ['ID', service.id],
    ['Name', nameOf(service)],
    ['Mode', modeNames[service.spec?.mode?.$case ?? 'replicated']],
    ['Replicas', `${status?.runningTasks ?? 0}/${status?.desiredTasks ?? 0}`],
    ['Image', imageOf(service)],
    ['Ports', portsOf(service)],
    ['Labels', labels.map(([key, value]) => `${key}=${value}`).join(', ')],
    ['Constraints', placement?.constraints.join(', ') ?? ''],
    ['Nodes', String(nodes.length)],
    ['Update', update ? `${sentence(updateState(update.state))}: ${update.message}` : ''],
  ];
}

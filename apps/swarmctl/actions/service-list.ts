import {
  ListServiceStatusesRequest,
  type ListServiceStatusesResponse_ServiceStatus as ServiceStatus,
  ListServicesRequest,
} from '@swarmkit/sdk/wire/gen/swarmkit/control';
import type { Service } from '@swarmkit/sdk/wire/gen/swarmkit/objects';
import { jsonOf } from '../output/json.js';
import { imageOf, nameOf, portsOf, replicasOf } from '../output/service-text.js';
import { table } from '../output/table.js';
import type { Session } from '../session.js';
import { modeName } from '../spec/service-mode.js';

export async function listServices(
  session: Session,
  { quiet }: { readonly quiet?: boolean },
): Promise<void> {
  const answer = await session.control.listServices(ListServicesRequest.create());
  const services = [...answer.services].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  if (session.json) session.sayJson(services.map((one) => jsonOf('service', one)));
  else if (quiet) for (const { id } of services) session.say(id);
  else session.say(serviceTable(services, await statusesOf(session, services)));
}

async function statusesOf(
  session: Session,
  services: readonly Service[],
): Promise<ReadonlyMap<string, ServiceStatus>> {
  const { statuses } = await session.control.listServiceStatuses(
    ListServiceStatusesRequest.create({ services: services.map(({ id }) => id) }),
  );
  return new Map(statuses.map((status) => [status.serviceId, status]));
}

const serviceTable = (
  services: readonly Service[],
  statuses: ReadonlyMap<string, ServiceStatus>,
): string =>
  table(
    ['ID', 'NAME', 'MODE', 'REPLICAS', 'IMAGE', 'PORTS'],
    services.map((service) => [
      service.id,
      nameOf(service),
      modeName(service.spec?.mode),
      replicasOf(service, statuses.get(service.id)),
      imageOf(service.spec?.task),
      portsOf(service),
    ]),
  );

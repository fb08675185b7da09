import {
  type PortConfig,
  PortConfig_Protocol,
  PortConfig_PublishMode,
} from '@swarmkit/sdk/wire/gen/swarmkit/types';
import { oneOf, usage } from './units.js';

const protocols = {
  tcp: PortConfig_Protocol.TCP,
  udp: PortConfig_Protocol.UDP,
  sctp: PortConfig_Protocol.SCTP,
} as const;
const modes = {
  ingress: PortConfig_PublishMode.INGRESS,
  host: PortConfig_PublishMode.HOST,
} as const;

/**
 * A published port in Docker's short form `[published:]target[/protocol]` or its long form
 * `published=8080,target=80,protocol=tcp,mode=host`.
 */
export function port(flag: string, text: string): PortConfig {
  const fields = text.includes('=') ? longForm(flag, text) : shortForm(flag, text);
  return {
    name: '',
    protocol: oneOf(flag, protocols, fields.protocol),
    targetPort: number(flag, text, fields.target),
    publishedPort: fields.published === '' ? 0 : number(flag, text, fields.published),
    publishMode: oneOf(flag, modes, fields.mode),
  };
}

interface Fields {
  readonly target: string;
  readonly published: string;
  readonly protocol: string;
  readonly mode: string;
}

function shortForm(flag: string, text: string): Fields {
  const match = /^(?:(\d+):)?(\d+)(?:\/(\w+))?$/.exec(text);
  if (match === null)
    throw usage(
      `${flag} is ${JSON.stringify(text)}; write 8080:80, 80/udp or published=8080,target=80`,
    );
  return {
    target: match[2] as string,
    published: match[1] ?? '',
    protocol: match[3] ?? 'tcp',
    mode: 'ingress',
  };
}

function longForm(flag: string, text: string): Fields {
  const fields = { target: '', published: '', protocol: 'tcp', mode: 'ingress' };
  for (const part of text.split(',')) {
    const [key = '', value = ''] = part.split('=');
    if (!(key in fields))
      throw usage(
        `${flag} has ${JSON.stringify(part)}; known are published, target, protocol and mode`,
      );
    fields[key as keyof typeof fields] = value;
  }
  return fields;
}

function number(flag: string, text: string, digits: string): number {
  const value = Number(digits);
  if (!/^\d+$/.test(digits) || value < 1 || value > 65_535)
    throw usage(`${flag} is ${JSON.stringify(text)}; ports are 1 to 65535`);
  return value;
}

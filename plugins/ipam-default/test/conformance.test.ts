import { ipamConformance } from '@swarmkit/sdk/testkit/ipam-conformance';
import { defaultIpam } from '../core/default-ipam.js';

ipamConformance('ipam-default', () => defaultIpam);

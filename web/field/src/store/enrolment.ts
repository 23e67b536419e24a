// Whose device this is: where its key opens the server, and the office's key for sealing.
import type { SealingKey } from "../vault/seal";
import { get, put } from "./database";

export interface Enrolment {
  /** Path on this host that the device's key opens: /v1/key/TOKEN/projects/N. */
  server: string;
  token: string;
  project: number;
  label: string;
  post: string;
  mission: string;
  sealingKey: SealingKey;
  enrolledAt: string;
}

const ID = "own";

export const enrolment = {
  current: (): Promise<Enrolment | null> => get<Enrolment>("enrolment", ID),
  save: (made: Enrolment): Promise<void> => put("enrolment", ID, made),
};

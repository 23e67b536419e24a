// What the server last said about the post: who to call, and which returns are due.
import { get, put } from "./database";

export interface DueReturn {
  form: string;
  title: { en: string; fr: string };
  period: string;
  dueAt: string;
  state: string;
}

export interface Facts {
  mission: string;
  project: string;
  label: string;
  post: string;
  dutyPhone: string | null;
  returnsDue: DueReturn[];
  maxBody: number;
  serverTime: string;
  fetchedAt: string;
}

const ID = "latest";

export const facts = {
  current: (): Promise<Facts | null> => get<Facts>("facts", ID),
  save: (said: Facts): Promise<void> => put("facts", ID, said),
};

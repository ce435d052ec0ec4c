import type {
  DeskFrame, DeskNews, DeskPerson, DeskSources, Feed, Inside, Me, MemberHit, Picture, SetupStatus, Source, Verdict,
} from "./wire.js";

/** The commands of the server: name to request and response. */
export interface Commands {
  setup_status: { request: null; response: SetupStatus };
  me: { request: null; response: Me };
  login: { request: { identifier: string; password: string }; response: Me };
  logout: { request: null; response: null };
  lock: { request: null; response: Me };
  unlock: { request: { account_id: string; pin: string | null; password: string | null }; response: Me };
  desk_people: { request: null; response: DeskPerson[] };
  check_in: {
    request: ({ code: string } | { member: string }) & { scan_id: string; source: Source };
    response: Verdict;
  };
  let_in: { request: { scan_id: string; member_id: string; reason: string }; response: Verdict };
  entry_undo: { request: { entry_id: string; reason: string | null }; response: null };
  check_out: { request: { member_id: string }; response: Verdict };
  feed: { request: { limit: number | null }; response: Feed };
  inside: { request: null; response: Inside };
  member_search: { request: { query: string; limit: number | null }; response: { rows: MemberHit[] } };
  photo_get: { request: { file_id: string; thumbnail: boolean }; response: Picture };
  desk_wait: { request: { after: number | null }; response: DeskNews };
  desk_frame: { request: null; response: DeskFrame };
  desk_read_picture: { request: { scan_id: string; picture_base64: string }; response: Verdict };
  desk_sources: { request: null; response: DeskSources };
  desk_choose_source: { request: { source: string | null }; response: DeskSources };
}

//! How a live feed's session begins and ends at the door.

use super::{
    WEST,
    house::House,
    live::{Heard, Kind, Line},
};
use callout::domain::ticket::Role;
use std::io::Write;
use tokio_tungstenite::tungstenite::{Message, client, client::IntoClientRequest};

/// Reads until the session's end; its close code.
fn end(line: &mut Line) -> Option<u16> {
    loop {
        match line.hear() {
            Ok(Heard::Message(_)) => {}
            Ok(Heard::Closed(code)) => return code,
            Err(_) => return None,
        }
    }
}

#[test]
fn a_browser_gives_its_token_as_a_subprotocol_and_is_answered_with_it() {
    let house = House::staffed();
    let token = house.token(Role::Manager);
    let connect = |protocols: &str| {
        let mut request = format!("ws://{}/v1/feed", house.address()).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocols.parse().unwrap());
        let stream = std::net::TcpStream::connect(house.address()).unwrap();
        client(request, stream).map_err(|refused| refused.to_string())
    };
    let (_, answer) = connect(&format!("bearer, {token}")).unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "bearer", "never the token itself");
    assert!(connect("bearer, callout_x.y").is_err());
    assert!(connect("chat").is_err());
}

#[test]
fn a_session_ends_with_its_token_and_with_the_server_and_says_so() {
    let mut house = House::staffed();
    let admin = house.token(Role::Dispatcher);
    let tokens = house.app().core.tokens.clone();
    let mut lines =
        [Kind::WebSocket, Kind::Sse].map(|kind| Line::feed(kind, &house.address(), &admin, "", None).unwrap());
    let mut staying = Line::feed(Kind::WebSocket, &house.address(), &house.token(Role::Clerk), "", None).unwrap();
    let issued = tokens.list().unwrap();
    let id = &issued.iter().rfind(|(token, _)| token.role == "dispatcher").unwrap().0.id;
    assert!(tokens.revoke(id).unwrap());
    assert_eq!(lines.each_mut().map(end), [Some(4001), None]);
    assert_eq!(staying.message().unwrap()["type"], "live");
    let stopped = std::thread::scope(|scope| {
        let heard = scope.spawn(|| end(&mut staying));
        house.restart();
        heard.join().unwrap()
    });
    assert_eq!(stopped, Some(1012));
}

#[test]
fn who_speaks_out_of_turn_on_a_feed_harms_nobody() {
    let house = House::staffed();
    let staff = house.token(Role::Dispatcher);
    let open = || {
        let mut line = Line::feed(Kind::WebSocket, &house.address(), &staff, "", None).unwrap();
        assert_eq!(line.message().unwrap()["type"], "live");
        line
    };
    let mut talker = open();
    talker.send_raw(Message::text("hello?")).unwrap();
    let number = house.open(WEST);
    assert_eq!(talker.message().unwrap()["ticket"], number, "it is not listened to, and goes on");
    let mut binary = open();
    binary.send_raw(Message::binary(vec![0; 10])).unwrap();
    assert_eq!(end(&mut binary), Some(1003));
    let mut huge = open();
    let _ = huge.send_raw(Message::text("x".repeat(200_000)));
    assert_ne!(end(&mut huge), Some(1003));
    let mut unmasked = open();
    unmasked.stream().write_all(&[0x81, 0x02, b'h', b'i']).unwrap();
    end(&mut unmasked);
    for query in ["regions=west&regions=east", "fase=new", "ticket=x", "after=x", "expert="] {
        let refused = Line::feed(Kind::WebSocket, &house.address(), &staff, query, None).is_err();
        assert_eq!(refused, query != "expert=", "{query}");
    }
    house.get(&staff, "/v1/feed").is(400);
    house.get(&staff, &format!("/v1/tickets/{number}")).is(200);
}

#include "proxy/tools/policy_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "conf/base/escape.hpp"
#include "conf/base/text.hpp"
#include "filters/registry.hpp"

namespace smtpguard::tools {
namespace {

using filters::Mode;
using filters::Posture;
using filters::Test;

struct Weighed {
  const Test* test;
  filters::Weight weight;
};

// A page in parts, for both forms.
class Page {
 public:
  explicit Page(PageForm form) : form_(form) {}

  void title(const std::string& text) {
    if (form_ == PageForm::Html) {
      const std::string shown = html(text);
      text_ += fmt::format(
          "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta "
          "name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n<style>body "
          "{{ max-width: 42em; margin: 2em auto; padding: 0 1em; font-family: serif; line-height: "
          "1.5 }}</style>\n</head>\n<body>\n<h1>{}</h1>\n",
          shown, shown);
    } else {
      text_ += fmt::format("# {}\n", text);
    }
  }
  void heading(const std::string& text) {
    text_ += form_ == PageForm::Html ? fmt::format("<h2>{}</h2>\n", html(text))
                                     : fmt::format("\n## {}\n", text);
  }
  void paragraph(const std::string& text) {
    text_ += form_ == PageForm::Html ? fmt::format("<p>{}</p>\n", html(text))
                                     : fmt::format("\n{}\n", markdown(text));
  }
  void bullets(const std::vector<std::string>& items) {
    text_ += form_ == PageForm::Html ? "<ul>\n" : "\n";
    for (const std::string& item : items) {
      text_ += form_ == PageForm::Html ? fmt::format("<li>{}</li>\n", html(item))
                                       : fmt::format("- {}\n", markdown(item));
    }
    text_ += form_ == PageForm::Html ? "</ul>\n" : "";
  }
  std::string finish() && {
    if (form_ == PageForm::Html) {
      text_ += "</body>\n</html>\n";
    }
    return std::move(text_);
  }

 private:
  static std::string html(const std::string& text) {
    std::string out;
    for (const char c : escape(text)) {
      switch (c) {
        case '&':
          out += "&amp;";
          break;
        case '<':
          out += "&lt;";
          break;
        case '>':
          out += "&gt;";
          break;
        case '"':
          out += "&quot;";
          break;
        default:
          out += c;
      }
    }
    return out;
  }
  static std::string markdown(const std::string& text) {
    std::string out;
    for (const char c : escape(text)) {
      if (std::string_view("*_`[]<>").find(c) != std::string_view::npos) {
        out += '\\';
      }
      out += c;
    }
    return out;
  }

  PageForm form_;
  std::string text_;
};

std::string sentence(std::string_view words) {
  if (words.empty()) {
    return {};
  }
  std::string text(words);
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  return text + '.';
}

// "Your address has no reverse name. Ask your provider to set one (PTR)."
std::string told(const Test& test) {
  const std::string mend = sentence(test.mend);
  return sentence(test.says) + (mend.empty() ? "" : " ") + mend;
}

// What a sender cannot guess from the words of the refusal alone.
std::string told_in_full(const Test& test) {
  return test.name == "protocol.non_smtp"
             ? "Anything that is not SMTP: web browsers, proxies, TLS from the first byte on."
             : told(test);
}

// Tests in one breath where they begin alike and want the same: "Your server says HELO with a, with
// b or with c. Let it say ..."
std::vector<std::string> told_together(const std::vector<const Test*>& tests) {
  static constexpr std::string_view kWith = " with ";
  const auto begin_of = [](const Test& test) {
    const auto at = test.says.find(kWith);
    return at == std::string_view::npos ? test.says : test.says.substr(0, at);
  };
  std::vector<std::string> items;
  for (std::size_t i = 0; i < tests.size();) {
    std::size_t end = i + 1;
    while (end < tests.size() && !tests[i]->mend.empty() && tests[end]->mend == tests[i]->mend &&
           begin_of(*tests[end]) == begin_of(*tests[i])) {
      ++end;
    }
    if (end == i + 1) {
      items.push_back(told_in_full(*tests[i]));
    } else {
      std::string text(tests[i]->says);
      for (std::size_t k = i + 1; k < end; ++k) {
        text += k + 1 == end ? " or" : ",";
        text += tests[k]->says.substr(begin_of(*tests[k]).size());
      }
      items.push_back(sentence(text) + ' ' + sentence(tests[i]->mend));
    }
    i = end;
  }
  return items;
}

std::string points(std::int32_t score) {
  constexpr std::array<std::string_view, 11> kWords{
      "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"};
  const bool is_small = score >= 0 && static_cast<std::size_t>(score) < kWords.size();
  return fmt::format(
      "{} {}",
      is_small ? std::string(kWords.at(static_cast<std::size_t>(score))) : std::to_string(score),
      score == 1 ? "point" : "points");
}

std::string with_capital(std::string text) {
  text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
  return text;
}

// Of other people's mail and of the administrator's own lists the page has words of its own.
bool is_about_conduct(const Test& test) {
  return !test.is_family && !test.is_fixed && !test.name.starts_with("access.");
}

std::vector<Weighed> weigh_all(const filters::Policy& policy) {
  std::vector<Weighed> all;
  for (const Test* test : filters::all_tests()) {
    filters::Finding finding;
    finding.test = test;
    if (is_about_conduct(*test)) {
      all.push_back({test, policy.weight(finding)});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const Weighed& a, const Weighed& b) {
    return a.weight.score > b.weight.score;
  });
  return all;
}

std::string in_megabytes(ByteCount size) {
  return fmt::format("{} MB", to_number(size) / 1'000'000);
}

std::string spirit_of(const filters::Policy& policy) {
  switch (policy.posture()) {
    case Posture::Observe:
      return "At present we mostly watch: what is described below is written down, and little of "
             "it has consequences. We do not relay mail for others, though, today as ever.";
    case Posture::Lenient:
      return "We let most mail through. What no honest mail server does is refused; other faults "
             "are noted, and have no consequences for now. Please mend them all the same: other "
             "sites are less patient than we are.";
    case Posture::Balanced:
      return "We expect a mail server to be set up with some care. One fault of the smaller kind "
             "does not keep anybody out; several together do, and so does what only bots do.";
    case Posture::Strict:
      return "We run a tight ship, because of the spam that we get. A mail server that is not set "
             "up with care does not get through. All that is asked for can be done in an "
             "afternoon, and most other sites will thank you for it as well.";
  }
  return {};
}

void write_refusals(Page& page, const filters::Policy& policy, const std::vector<Weighed>& tests) {
  page.heading("What is refused");
  page.paragraph(
      policy.is_soft()
          ? "Each of these is enough. For now we answer with a temporary refusal (4xx), so that "
            "your server keeps the message and tries again; mend it before it gives up."
          : "Each of these is enough. The refusal is final (5xx): your server will not try again, "
            "and whoever wrote the message is told by your server.");
  std::vector<std::string> items{
      "Mail for addresses that are not ours. We relay for nobody, and tricks such as "
      "user%elsewhere@here do not help."};
  std::vector<const Test*> refusing;
  for (const Weighed& one : tests) {
    if (one.weight.mode == Mode::Require) {
      refusing.push_back(one.test);
    }
  }
  for (std::string& item : told_together(refusing)) {
    items.push_back(std::move(item));
  }
  page.bullets(items);
}

std::string consequences_of(const filters::Thresholds& thresholds, bool is_soft) {
  std::string text;
  if (thresholds.defer) {
    text += fmt::format(
        " With {} we ask your server to come back later (450); that alone does "
        "not go away by trying again, so please mend what the reply names.",
        points(*thresholds.defer));
  }
  if (thresholds.reject) {
    text += fmt::format(" With {} the message is {}.", points(*thresholds.reject),
                        is_soft ? "refused for now (450)" : "refused (550)");
  }
  if (thresholds.drop) {
    text += fmt::format(" With {} we end the connection.", points(*thresholds.drop));
  }
  return text;
}

void write_scores(Page& page, const filters::Policy& policy, const std::vector<Weighed>& tests) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < tests.size();) {
    const filters::Weight weight = tests[i].weight;
    std::vector<const Test*> equal;
    for (; i < tests.size() && tests[i].weight == weight; ++i) {
      equal.push_back(tests[i].test);
    }
    if (weight.mode == Mode::Score && weight.score > 0) {
      for (const std::string& item : told_together(equal)) {
        items.push_back(fmt::format("{}: {}", with_capital(points(weight.score)), item));
      }
    }
  }
  if (items.empty()) {
    return;
  }
  page.heading("What counts against you");
  page.paragraph(
      "None of these is enough alone, unless it has as many points as it takes; they "
      "are added." +
      consequences_of(policy.thresholds(), policy.is_soft()));
  page.bullets(items);
}

void write_lists(Page& page, const session::RuntimeConfig& config, const filters::Policy& policy) {
  filters::Finding finding;
  finding.test = filters::find_test("dnsbl");
  const auto& lists = config.rules.site.lists;
  const Mode mode = policy.weight(finding).mode;
  if (lists.empty() || mode == Mode::Off) {
    return;
  }
  page.heading("The lists that we ask");
  page.paragraph(mode == Mode::Score
                     ? "When you connect we ask these DNS lists. We do not keep them, so only "
                       "their operators can take you off. A list that does not work at the "
                       "moment counts for nothing."
                     : "When you connect we ask these DNS lists; what they say has no "
                       "consequences for now.");
  std::vector<std::string> items;
  for (const filters::DnsList& list : lists) {
    const auto most = std::max_element(
        list.worths.begin(), list.worths.end(),
        [](const auto& a, const auto& b) { return std::abs(a.score) < std::abs(b.score); });
    const std::int32_t score = most == list.worths.end() ? 0 : std::abs(most->score);
    const std::string_view subject =
        list.is_of_names() ? "the domain that your server names" : "your address";
    std::string item = list.shown_zone + ": ";
    if (list.kind == dns::ListKind::Allow) {
      item += fmt::format("if {} is on it, up to {} are taken off.", subject, points(score));
    } else if (list.mode == Mode::Require) {
      item += fmt::format("if {} is on it, your mail is refused.", subject);
    } else if (list.mode == Mode::Observe) {
      item += "noted, no more.";
    } else {
      item += fmt::format("if {} is on it, up to {}.", subject, points(score));
    }
    if (!list.help.empty() && list.kind == dns::ListKind::Block) {
      std::string help = list.help;
      if (const auto at = help.find("%s"); at != std::string::npos) {
        help.erase(at);
      }
      item += fmt::format(" See {}", help);
    }
    items.push_back(std::move(item));
  }
  page.bullets(items);
}

void write_notes(Page& page, const std::vector<Weighed>& tests) {
  std::vector<const Test*> noted;
  for (const Weighed& one : tests) {
    const bool is_only_noted = one.weight.mode == Mode::Observe ||
                               (one.weight.mode == Mode::Score && one.weight.score == 0);
    if (is_only_noted && !one.test->name.starts_with("network.")) {
      noted.push_back(one.test);
    }
  }
  if (!noted.empty()) {
    page.heading("What we only note");
    page.paragraph(
        "These have no consequences here at present. That may change, and at other "
        "sites they do.");
    page.bullets(told_together(noted));
  }
}

void write_advice(Page& page, const session::RuntimeConfig& config,
                  const filters::NamedPolicy& policy) {
  page.heading("How to get through");
  const auto greeting = config.greetings.find(policy.name);
  const Milliseconds patience =
      greeting == config.greetings.end() ? Milliseconds{0} : greeting->second.greet_max;
  std::vector<std::string> items{
      "Give your mail server a full name of its own, such as mail.your-domain, publish its address "
      "in the DNS, and have your provider set the same name as the reverse name (PTR) of the "
      "address.",
      "Let the server say this very name in HELO or EHLO (myhostname in Postfix, primary_hostname "
      "in Exim, hostname of the pki or listen line in OpenSMTPD)."};
  if (patience.count() > 0) {
    items.push_back(fmt::format(
        "Wait for our greeting, which may take {}, and for our reply to each command. The greeting "
        "is over with the line that has a blank behind 220.",
        format_duration(patience)));
  }
  items.emplace_back("End lines with CR LF, never with LF alone.");
  if (config.tls.has_certificates) {
    items.emplace_back("TLS is offered (STARTTLS); 1.2 and 1.3 are spoken.");
  }
  items.push_back(fmt::format(
      "Keep to these limits: messages of {} at most, {} recipients in one message, {} connections "
      "at the same time from one address.",
      in_megabytes(config.limits.message_size), config.limits.recipients,
      config.limits.connections_per_address));
  items.emplace_back(
      "If you are at home, on a rented machine without a name, or behind a changing address, send "
      "through your provider's mail server. Programs and people who log in use port 587, not 25.");
  page.bullets(items);
}

void write_help(Page& page, const std::string& domain, const filters::Policy& policy) {
  page.heading("If you are refused");
  page.paragraph(fmt::format(
      "The refusal says why, with the name of the test in brackets, and ends with the number of "
      "the session, such as (session 8085md5yfy). Mend what it names, then send again. If you "
      "think that we are wrong, write to postmaster@{}, and quote that line: postmaster and abuse "
      "take mail from nearly everybody, also when others here do not.",
      domain));
  if (!policy.contact().empty()) {
    page.paragraph(sentence(policy.contact()));
  }
}

}  // namespace

std::string policy_page(const session::RuntimeConfig& config, const filters::NamedPolicy& policy,
                        const std::string& domain, PageForm form) {
  const std::vector<Weighed> tests = weigh_all(policy.policy);
  Page page(form);
  page.title("Sending mail to " + domain);
  page.paragraph(fmt::format(
      "This page is for you if you run a mail server and {} does not take its mail. It says what "
      "we "
      "look at before we take a message, and what to do to get through. We look at how your server "
      "behaves and at what the DNS says of it, not at what people write.",
      config.hostname));
  page.paragraph(spirit_of(policy.policy));
  write_refusals(page, policy.policy, tests);
  write_scores(page, policy.policy, tests);
  write_lists(page, config, policy.policy);
  write_advice(page, config, policy);
  write_notes(page, tests);
  write_help(page, domain, policy.policy);
  return std::move(page).finish();
}

}  // namespace smtpguard::tools

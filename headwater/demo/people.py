"""The demo company's people: fiction, in Chinese and English. Any likeness is chance.

`weight` is a rep's share of what the company should sell, against the others'; `form` is what the
rep usually sells of the own target. Newcomers carry little weight; a few reps are out of form, so
that boards show every light.
"""

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Person:
    key: str
    name: str
    team: str | None = None
    joined_days_ago: int = 1_000
    weight: int = 10
    form: float = 1.0


MANAGERS = (
    Person("chen.jianguo", "陈建国 Chen Jianguo", joined_days_ago=3_200),
    Person("zhou.hui", "周慧 Zhou Hui", joined_days_ago=2_400),
    Person("qian.weimin", "钱伟民 Qian Weimin", joined_days_ago=2_650),
    Person("deng.yan", "邓艳 Deng Yan", joined_days_ago=2_100),
    Person("wang.fang", "王芳 Wang Fang", joined_days_ago=1_900),
    Person("liu.yang", "刘洋 Liu Yang", joined_days_ago=1_100),
    Person("fan.zhiqiang", "范志强 Fan Zhiqiang", joined_days_ago=1_500),
    Person("shi.lei", "石磊 Shi Lei", joined_days_ago=1_750),
    Person("jin.xiaohong", "金晓红 Jin Xiaohong", joined_days_ago=1_300),
    Person("cui.dapeng", "崔大鹏 Cui Dapeng", joined_days_ago=900),
    Person("lu.yaqin", "陆雅琴 Lu Yaqin", joined_days_ago=1_620),
    Person("yao.guoqing", "姚国庆 Yao Guoqing", joined_days_ago=1_980),
    Person("xia.mengjie", "夏梦洁 Xia Mengjie", joined_days_ago=1_050),
)
CARE = Person("lin.yue", "林悦 Lin Yue", joined_days_ago=800)
"""Customer success: sells nothing, so no unit."""
REPS = (
    Person("li.wei", "李伟 Li Wei", "east-1", 1_600, 20, 1.06),
    Person("zhang.min", "张敏 Zhang Min", "east-1", 1_350, 15, 1.10),
    Person("huang.tao", "黄涛 Huang Tao", "east-1", 980, 11),
    Person("wu.jing", "吴静 Wu Jing", "east-1", 760, 10, 1.05),
    Person("xu.li", "徐丽 Xu Li", "east-1", 240, 7, 0.90),
    Person("sun.hao", "孙浩 Sun Hao", "east-1", 520, 9, 0.72),
    Person("song.jie", "宋洁 Song Jie", "east-1", 610, 9, 1.02),
    Person("zhu.lin", "朱琳 Zhu Lin", "east-2", 1_450, 15, 1.08),
    Person("ma.jun", "马俊 Ma Jun", "east-2", 1_020, 11),
    Person("hu.bo", "胡波 Hu Bo", "east-2", 880, 10, 0.95),
    Person("guo.xin", "郭鑫 Guo Xin", "east-2", 640, 9, 0.90),
    Person("he.juan", "何娟 He Juan", "east-2", 430, 8, 0.70),
    Person("cao.lei", "曹雷 Cao Lei", "east-2", 560, 9, 0.97),
    Person("yan.xue", "严雪 Yan Xue", "east-2", 700, 10, 0.93),
    Person("pan.yu", "潘宇 Pan Yu", "east-3", 1_240, 14, 1.04),
    Person("dong.mei", "董梅 Dong Mei", "east-3", 1_080, 12, 1.12),
    Person("yuan.hang", "袁航 Yuan Hang", "east-3", 690, 10),
    Person("tian.ye", "田野 Tian Ye", "east-3", 540, 9, 0.96),
    Person("ren.jia", "任佳 Ren Jia", "east-3", 410, 8, 0.88),
    Person("jiang.nan", "江楠 Jiang Nan", "east-3", 580, 9, 1.03),
    Person("zhao.lei", "赵磊 Zhao Lei", "north-1", 1_520, 18, 1.09),
    Person("sun.lihua", "孙丽华 Sun Lihua", "north-1", 1_180, 13, 1.02),
    Person("wang.shuo", "王硕 Wang Shuo", "north-1", 870, 11, 0.98),
    Person("liu.jing", "刘静 Liu Jing", "north-1", 730, 10, 1.07),
    Person("zhang.yong", "张勇 Zhang Yong", "north-1", 600, 9),
    Person("li.na", "李娜 Li Na", "north-1", 390, 8, 0.92),
    Person("bai.yun", "白云 Bai Yun", "north-1", 560, 9, 0.74),
    Person("meng.fei", "孟飞 Meng Fei", "north-2", 1_310, 15, 1.05),
    Person("qin.lan", "秦岚 Qin Lan", "north-2", 1_010, 12, 1.10),
    Person("gu.peng", "顾鹏 Gu Peng", "north-2", 820, 10, 0.97),
    Person("shao.ting", "邵婷 Shao Ting", "north-2", 660, 9, 1.01),
    Person("hou.liang", "侯亮 Hou Liang", "north-2", 480, 8, 0.94),
    Person("kang.hui", "康慧 Kang Hui", "north-2", 570, 9, 1.06),
    Person("mao.bin", "毛斌 Mao Bin", "north-2", 620, 9),
    Person("qiu.yi", "邱毅 Qiu Yi", "north-3", 1_090, 13, 0.94),
    Person("jia.rong", "贾蓉 Jia Rong", "north-3", 940, 11, 0.98),
    Person("lei.ming", "雷鸣 Lei Ming", "north-3", 710, 10, 0.92),
    Person("long.fei", "龙飞 Long Fei", "north-3", 590, 9, 0.90),
    Person("wan.li", "万丽 Wan Li", "north-3", 440, 8, 0.86),
    Person("duan.rui", "段锐 Duan Rui", "north-3", 680, 10, 0.96),
    Person("liang.chao", "梁超 Liang Chao", "south-1", 1_480, 17, 1.08),
    Person("luo.wen", "罗雯 Luo Wen", "south-1", 1_150, 13, 1.04),
    Person("zheng.kai", "郑凯 Zheng Kai", "south-1", 900, 11),
    Person("xie.ling", "谢玲 Xie Ling", "south-1", 740, 10, 0.99),
    Person("han.bing", "韩冰 Han Bing", "south-1", 610, 9, 1.07),
    Person("tang.yi", "唐艺 Tang Yi", "south-1", 450, 8, 0.91),
    Person("feng.gang", "冯刚 Feng Gang", "south-1", 580, 9, 0.73),
    Person("yu.shan", "于珊 Yu Shan", "south-2", 1_270, 14, 1.03),
    Person("pei.jun", "裴军 Pei Jun", "south-2", 1_040, 12, 1.06),
    Person("zhong.qi", "钟琪 Zhong Qi", "south-2", 810, 10, 0.95),
    Person("tan.wei", "谭薇 Tan Wei", "south-2", 670, 9, 1.01),
    Person("liao.jun", "廖俊 Liao Jun", "south-2", 500, 8, 0.97),
    Person("fang.yuan", "方圆 Fang Yuan", "south-2", 560, 9, 1.09),
    Person("zou.hang", "邹航 Zou Hang", "south-2", 630, 9, 0.93),
    Person("xiong.lu", "熊璐 Xiong Lu", "south-3", 1_120, 13, 1.02),
    Person("hao.ran", "郝然 Hao Ran", "south-3", 960, 11, 1.05),
    Person("kong.xi", "孔曦 Kong Xi", "south-3", 720, 10, 0.98),
    Person("bao.qiang", "包强 Bao Qiang", "south-3", 570, 9, 1.00),
    Person("wei.lan", "魏岚 Wei Lan", "south-3", 330, 7, 0.89),
    Person("gao.xiang", "高翔 Gao Xiang", "south-3", 120, 5, 0.80),
)
EVERYBODY = (*MANAGERS, CARE, *REPS)
BY_KEY = {one.key: one for one in EVERYBODY}
NEWEST = REPS[-1]
WEIGHT = sum(rep.weight for rep in REPS)


def joined_on(person: Person, today: date) -> date:
    return today - timedelta(days=person.joined_days_ago)


def first_day(newest_joined_on: date) -> date:
    """The day on which a demo was first started, from what it stored about its newest rep.

    >>> first_day(joined_on(NEWEST, date(2026, 11, 23)))
    datetime.date(2026, 11, 23)
    """
    return newest_joined_on + timedelta(days=NEWEST.joined_days_ago)


def of_team(team: str) -> tuple[Person, ...]:
    return tuple(rep for rep in REPS if rep.team == team)
